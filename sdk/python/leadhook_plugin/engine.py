"""The engine as a plugin's functions find it: in WebAssembly the real one, in a native test a `mock.Host`."""

from __future__ import annotations

from typing import Optional, Protocol


class Engine(Protocol):
    """What the engine gives to a plugin besides its arguments."""

    def log(self, level: str, line: str) -> None: ...
    def config(self) -> str: ...
    def secret(self, name: str) -> Optional[str]: ...
    def now_ms(self) -> int: ...
    def random(self) -> int: ...
    def kv_get(self, key: str) -> Optional[bytes]: ...
    def kv_set(self, key: str, value: bytes, ttl_seconds: Optional[int]) -> None: ...
    def kv_delete(self, key: str) -> None: ...
    def kv_increment(self, key: str, by: int, ttl_seconds: Optional[int]) -> int: ...


_installed: Optional[Engine] = None


def install(engine: Optional[Engine]) -> Optional[Engine]:
    """Puts an engine in place, or takes it away, and answers the one before it."""
    global _installed
    before, _installed = _installed, engine
    return before


def current() -> Engine:
    """The engine of this call."""
    if _installed is None:
        raise RuntimeError("the engine is there during a call only; in a test call within `mock.Host.run`")
    return _installed
