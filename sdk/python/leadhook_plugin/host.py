"""What the engine gives besides a plugin's arguments: configuration, secrets, the time and numbers."""

from __future__ import annotations

import json
from typing import Any, Mapping, Optional

from . import engine
from .verdict import Failure


def config(defaults: Optional[Mapping[str, Any]] = None) -> dict[str, Any]:
    """The link's configuration over these defaults.

    With defaults, a key that they do not have and a value of another type than theirs are refused by name; a
    default of `None` takes any value. Without defaults the configuration is given as it is.
    """
    given = json.loads(engine.current().config())
    if not isinstance(given, dict):
        raise Failure("bad_config", "the configuration is to be a JSON object")
    if defaults is None:
        return given
    for key, value in given.items():
        if key not in defaults:
            known = ", ".join(f"`{name}`" for name in defaults)
            raise Failure("bad_config", f"unknown key `{key}`, expected one of {known}")
        expected = _kind(defaults[key])
        if expected not in ("null", _kind(value)):
            raise Failure("bad_config", f"`{key}` is to be a {expected}, and is a {_kind(value)}")
    return {**defaults, **given}


def _kind(value: Any) -> str:
    """What JSON calls a value of this type."""
    if value is None:
        return "null"
    for kind, types in (("boolean", bool), ("number", (int, float)), ("string", str), ("array", (list, tuple))):
        if isinstance(value, types):
            return kind
    return "object"


def secret(name: str) -> str:
    """A secret that the link's settings name in `secrets`; `no_secret` when they do not."""
    value = engine.current().secret(name)
    if value is None:
        raise Failure("no_secret", f"the secret `{name}` is not given: name it in the link's `secrets`")
    return value


def now_ms() -> int:
    """The time of the rendering in Unix milliseconds.

    It stands still during a call, so that a delivery can be replayed. There is no other clock.
    """
    return engine.current().now_ms()


def random() -> int:
    """64 bits seeded by the delivery's id: the same in each replay. Not for keys or secrets."""
    return engine.current().random()
