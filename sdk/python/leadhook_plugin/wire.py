"""The border to the engine in WebAssembly: the interface's types made ours, and ours made the interface's.

`wit_world` and `componentize_py_types` exist in a build only.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Callable, NoReturn, Optional, TypeVar

from componentize_py_types import Err
from wit_world.imports import host, kv, types

from . import engine, log
from .delivery import Delivery
from .lead import Lead
from .request import Form, Raw, Request
from .response import Response
from .verdict import Decision, Defer, Delivered, Failure, Judgement, Refused, Retry, Skip, Verdict

_Answer = TypeVar("_Answer")


class _Real:
    """The engine's own functions."""

    def log(self, level: str, line: str) -> None:
        host.log(host.Level[level.upper()], line)

    config = staticmethod(host.config)
    secret = staticmethod(host.secret)
    now_ms = staticmethod(host.now_ms)
    random = staticmethod(host.random)
    kv_get = staticmethod(kv.get)
    kv_set = staticmethod(kv.set)
    kv_delete = staticmethod(kv.delete)
    kv_increment = staticmethod(kv.increment)


class _Lines:
    """Where `print` goes: each whole line of it into the log."""

    def __init__(self, write_line: Callable[[str], None]) -> None:
        self._write_line = write_line
        self._begun = ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._write_line(line)
        return len(text)

    def flush(self) -> None:
        """There is nothing to be written later."""


engine.install(_Real())
sys.stdout, sys.stderr = _Lines(log.info), _Lines(log.error)  # type: ignore[assignment]

FRAMES_MAX = 8
"""The most functions named in the log when one of them fails, the innermost ones."""


def accept(delivery: types.Delivery, filter: Callable[[Delivery], Decision]) -> Optional[str]:
    """Runs a filter."""

    def answer() -> Optional[str]:
        decision = filter(_delivery(delivery))
        if decision is None:
            return None
        if isinstance(decision, Skip):
            return _text(decision.reason, "the reason")
        raise _foreign("filter", decision, "None or Skip")

    try:
        return _ending_aloud(answer)
    except Failure as failure:
        raise Err(_failure(failure)) from None


def run(
    delivery: types.Delivery, request: types.Request, transform: Callable[[Delivery, Request], Verdict]
) -> types.Verdict:
    """Runs a transform."""

    def answer() -> types.Verdict:
        ours = _request(request)
        verdict = transform(_delivery(delivery), ours)
        if verdict is None:
            return types.Verdict_Send(_wire_request(ours))
        if isinstance(verdict, Skip):
            return types.Verdict_Skip(_text(verdict.reason, "the reason"))
        if isinstance(verdict, Defer):
            return types.Verdict_Defer(_whole(verdict.until_ms, 64, "until_ms"))
        raise _foreign("transform", verdict, "None, Skip or Defer")

    try:
        return _ending_aloud(answer)
    except Failure as failure:
        return types.Verdict_Fail(_failure(failure))


def judge(
    delivery: types.Delivery, response: types.Response, receipt: Callable[[Delivery, Response], Judgement]
) -> types.Judgement:
    """Runs a receipt."""

    def answer() -> types.Judgement:
        try:
            judgement = receipt(_delivery(delivery), _response(response))
        except Failure as failure:
            judgement = failure.as_judgement()
        if isinstance(judgement, Delivered):
            return types.Judgement_Delivered()
        if isinstance(judgement, Retry):
            after = judgement.after_seconds
            return types.Judgement_RetryAfter(None if after is None else _whole(after, 32, "after_seconds"))
        if isinstance(judgement, Refused):
            return types.Judgement_Refused(_text(judgement.reason, "the reason"))
        raise _foreign("receipt", judgement, "Delivered, Retry or Refused")

    return _ending_aloud(answer)


def _ending_aloud(answer: Callable[[], _Answer]) -> _Answer:
    """Runs to an answer or a failure. Whatever else is raised ends the call, and the log says what it was."""
    try:
        return answer()
    except Failure:
        raise
    except BaseException as error:
        _end(error)


def _end(error: BaseException) -> NoReturn:
    """Logs an error and traps. The module `traceback` would look for source files, of which there are none."""
    frames = []
    at = error.__traceback__
    while at is not None:
        code = at.tb_frame.f_code
        if code.co_filename != _end.__code__.co_filename:
            frames.append(f"{os.path.basename(code.co_filename)}:{at.tb_lineno} in {code.co_name}")
        at = at.tb_next
    where = " > ".join(frames[-FRAMES_MAX:])
    log.error(f"{type(error).__name__}: {error}" + (f" ({where})" if where else ""))
    os.abort()


def _foreign(function: str, answer: object, expected: str) -> TypeError:
    return TypeError(f"`{function}` answered {answer!r}; expected {expected}")


def _text(value: object, what: str) -> str:
    if isinstance(value, str):
        return value
    raise TypeError(f"{what} is to be a text, and is {value!r}")


def _whole(value: object, bits: int, what: str) -> int:
    if isinstance(value, int) and 0 <= value < 1 << bits:
        return value
    raise TypeError(f"{what} is to be a whole number of {bits} bits, and is {value!r}")


def _delivery(wire: types.Delivery) -> Delivery:
    return Delivery(
        id=wire.id,
        webhook=wire.webhook,
        site=wire.site,
        trigger=wire.trigger,
        occurred_at_ms=wire.occurred_at_ms,
        resend=wire.resend,
        sample=wire.sample,
        lead=Lead(wire.lead),
    )


def _request(wire: types.Request) -> Request:
    body = wire.body.value
    ours = Raw(body.content_type, body.bytes) if isinstance(body, types.Raw) else Form(_pairs(body))
    return Request(wire.method, wire.url, _pairs(wire.headers), ours)


def _wire_request(ours: Request) -> types.Request:
    body: types.Body
    if isinstance(ours.body, Raw):
        content = bytes(ours.body.bytes)
        body = types.Body_Raw(types.Raw(_text(ours.body.content_type, "the content type"), content))
    else:
        body = types.Body_Form(_wire_pairs(ours.body.pairs))
    method, url = _text(ours.method, "the method"), _text(ours.url, "the URL")
    return types.Request(method, url, _wire_pairs(ours.headers), body)


def _response(wire: types.Response) -> Response:
    return Response(wire.status, _pairs(wire.headers), wire.body, wire.elapsed_ms)


def _failure(ours: Failure) -> types.Failure:
    return types.Failure(str(ours.code), str(ours.detail), bool(ours.is_retryable))


def _pairs(wire: list[types.Pair]) -> list[tuple[str, str]]:
    return [(pair.name, pair.value) for pair in wire]


def _wire_pairs(ours: list[tuple[str, str]]) -> list[types.Pair]:
    return [types.Pair(_text(name, "a name"), _text(value, f"the value of `{name}`")) for name, value in ours]
