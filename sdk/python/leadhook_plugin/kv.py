"""State of this plugin in this webhook, kept from one delivery to the next.

Later calls see a write at once; it becomes durable together with the delivery's outcome. A key has 1 to 256 bytes, a
value at most 64 KiB; beyond that the call ends as an error. Other webhooks and other plugins have their own.
"""

from __future__ import annotations

import json
from typing import Any, Optional

from . import engine
from .verdict import Failure


def get(key: str) -> Optional[bytes]:
    """The value of a key, unless there is none or its time to live is over."""
    return engine.current().kv_get(key)


def get_json(key: str) -> Any:
    """The value of a key read as JSON; `None` where there is none, `bad_json` where it is no JSON."""
    value = get(key)
    if value is None:
        return None
    try:
        return json.loads(value)
    except ValueError as error:
        raise Failure("bad_json", f"`{key}`: {error}") from error


def set(key: str, value: bytes, ttl_seconds: Optional[int] = None) -> None:
    """Sets a value, for ever or for a time to live in seconds."""
    if not isinstance(value, bytes):
        raise TypeError(f"the value of `{key}` is to be bytes, and is {value!r}")
    engine.current().kv_set(key, value, ttl_seconds)


def set_json(key: str, value: Any, ttl_seconds: Optional[int] = None) -> None:
    """Sets a value as JSON, for ever or for a time to live in seconds."""
    set(key, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), ttl_seconds)


def delete(key: str) -> None:
    """Removes a value."""
    engine.current().kv_delete(key)


def increment(key: str, by: int = 1, ttl_seconds: Optional[int] = None) -> int:
    """Adds to a number and answers the sum; an absent key counts as 0. The time to live begins when the key does."""
    return engine.current().kv_increment(key, by, ttl_seconds)
