"""The engine's side in a native test: a host with a configuration, secrets, a time and a store in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Callable, Mapping, Optional, TypeVar

from . import engine

KEY_BYTES_MAX = 256
"""The longest key in bytes; the shortest has one."""
VALUE_BYTES_MAX = 64 * 1024
"""The most bytes of a value."""

_BITS = (1 << 64) - 1
_Answer = TypeVar("_Answer")


@dataclass
class Host:
    """What a plugin's functions find when a test calls them. State stays from one `run` to the next.

    >>> from leadhook_plugin import kv
    >>> host = Host(now_ms=1_000)
    >>> host.run(lambda: kv.increment("calls", 1, ttl_seconds=60))
    1
    >>> host.now_ms = 61_000
    >>> host.run(lambda: kv.get("calls"))
    """

    config: Mapping[str, Any] = field(default_factory=dict)
    """The link's configuration."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """The secrets that the link names."""
    now_ms: int = 0
    """The time of the rendering, in Unix milliseconds."""
    seed: int = 0
    """What the random numbers begin with."""
    lines: list[tuple[str, str]] = field(default_factory=list)
    """The log so far: levels with lines."""
    _kv: dict[str, tuple[bytes, Optional[int]]] = field(default_factory=dict)

    def with_kv(self, values: Mapping[str, bytes]) -> Host:
        """With these values in its store, for ever."""
        self._kv.update({key: (value, None) for key, value in values.items()})
        return self

    def run(self, call: Callable[[], _Answer]) -> _Answer:
        """Calls this with the host around it."""
        before = engine.install(_Around(self))
        try:
            return call()
        finally:
            engine.install(before)

    def stored(self) -> dict[str, bytes]:
        """What the store holds that has not ended, by key."""
        return {key: value for key, (value, _) in sorted(self._kv.items()) if self._alive(key)}

    def _alive(self, key: str) -> Optional[tuple[bytes, Optional[int]]]:
        value, ends_at_ms = self._kv.get(key, (None, None))
        if value is None or (ends_at_ms is not None and self.now_ms >= ends_at_ms):
            return None
        return value, ends_at_ms


class _Around:
    """A host as the engine that it stands for."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def log(self, level: str, line: str) -> None:
        self._host.lines.append((level, line))

    def config(self) -> str:
        return json.dumps(dict(self._host.config), ensure_ascii=False)

    def secret(self, name: str) -> Optional[str]:
        return self._host.secrets.get(name)

    def now_ms(self) -> int:
        return self._host.now_ms

    def random(self) -> int:
        """SplitMix64: every seed gives good numbers, and the same ones each time."""
        self._host.seed = (self._host.seed + 0x9E3779B97F4A7C15) & _BITS
        mixed = self._host.seed
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _BITS
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _BITS
        return mixed ^ (mixed >> 31)

    def kv_get(self, key: str) -> Optional[bytes]:
        alive = self._host._alive(_checked(key))
        return alive[0] if alive else None

    def kv_set(self, key: str, value: bytes, ttl_seconds: Optional[int]) -> None:
        if len(value) > VALUE_BYTES_MAX:
            raise ValueError(f"the value of `{key}` has {len(value)} bytes")
        self._host._kv[_checked(key)] = (value, self._end_of(ttl_seconds))

    def kv_delete(self, key: str) -> None:
        self._host._kv.pop(_checked(key), None)

    def kv_increment(self, key: str, by: int, ttl_seconds: Optional[int]) -> int:
        alive = self._host._alive(_checked(key))
        value, ends_at_ms = alive if alive else (b"0", self._end_of(ttl_seconds))
        total = int(value) + by
        self._host._kv[key] = (str(total).encode(), ends_at_ms)
        return total

    def _end_of(self, ttl_seconds: Optional[int]) -> Optional[int]:
        return None if ttl_seconds is None else self._host.now_ms + ttl_seconds * 1000


def _checked(key: str) -> str:
    if not 1 <= len(key.encode()) <= KEY_BYTES_MAX:
        raise ValueError(f"a key has 1 to {KEY_BYTES_MAX} bytes: `{key}`")
    return key
