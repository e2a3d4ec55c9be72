"""Fixtures: sample leads with what is to come of them, one folder each, checked in a native test.

`leadhook plugin test` runs the same folders through the built wasm.
"""

from __future__ import annotations

import base64
import json
import os
from datetime import datetime, timezone
from pathlib import Path
from types import ModuleType
from typing import Any, Optional

from .delivery import Delivery
from .mock import Host
from .request import Form, Raw, Request
from .response import Response
from .verdict import Defer, Delivered, Failure, Judgement, Retry, Skip

NOW = "2026-03-02T10:00:00Z"
"""The time of a fixture that states none."""


def check(folder: Path, plugin: ModuleType) -> None:
    """Checks every folder of `fixtures` in this folder of a plugin.

    With `UPDATE_FIXTURES` in the environment what came out is written to `expected.json` instead.
    """
    fixtures = sorted(path for path in (folder / "fixtures").iterdir() if path.is_dir())
    if not fixtures:
        raise AssertionError(f"{folder} has no fixtures")
    wrong = [complaint for fixture in fixtures if (complaint := _check_one(fixture, plugin))]
    if wrong:
        raise AssertionError("\n" + "\n".join(wrong))


def _check_one(fixture: Path, plugin: ModuleType) -> Optional[str]:
    """What is wrong about one fixture."""
    came_out = run(fixture, plugin)
    path = fixture / "expected.json"
    if "UPDATE_FIXTURES" in os.environ:
        path.write_text(json.dumps(came_out, ensure_ascii=False, indent=2) + "\n")
        return None
    expected = json.loads(path.read_text())
    if isinstance(expected.get("send"), dict):
        expected["send"] = _write_request(_read_request(expected["send"]))
    if came_out == expected:
        return None
    words = [json.dumps(one, ensure_ascii=False) for one in (expected, came_out)]
    return f"{fixture}\n  expected {words[0]}\n  came out {words[1]}"


def run(fixture: Path, plugin: ModuleType) -> dict[str, Any]:
    """Runs a plugin over one fixture and answers what came out, in the form of `expected.json`."""
    about = _read(fixture, "delivery.json", {})
    now_ms = _read_time(about.get("now", NOW))
    host = Host(_read(fixture, "config.json", {}), _read(fixture, "secrets.json", {}), now_ms)
    host.with_kv({key: text.encode() for key, text in _read(fixture, "kv.json", {}).items()})
    before = host.stored()
    delivery = _delivery(_read(fixture, "lead.json"), about, now_ms)
    response = _read(fixture, "response.json", {})
    if response:
        came_out = _judged(host, plugin, delivery, _read_response(response))
    else:
        usual = _write_request(Request.post("https://handler.example/hook"))
        came_out = _link(host, plugin, delivery, _read(fixture, "request.json", usual))
    if host.stored() != before:
        came_out["kv"] = {key: value.decode(errors="replace") for key, value in host.stored().items()}
    return came_out


def _judged(host: Host, plugin: ModuleType, delivery: Delivery, response: Response) -> dict[str, Any]:
    try:
        return _write_judgement(host.run(lambda: plugin.receipt(delivery, response)))
    except Failure as failure:
        return _write_judgement(failure.as_judgement())


def _link(host: Host, plugin: ModuleType, delivery: Delivery, given: dict[str, Any]) -> dict[str, Any]:
    """A link as the engine runs it: the filter, then the transform."""
    request = _read_request(given)
    verdict = None
    try:
        if hasattr(plugin, "filter"):
            verdict = host.run(lambda: plugin.filter(delivery))
        if verdict is None and hasattr(plugin, "transform"):
            verdict = host.run(lambda: plugin.transform(delivery, request))
    except Failure as failure:
        written = {"code": failure.code, "message": failure.detail, "retryable": failure.is_retryable}
        return {"fail": written}
    if isinstance(verdict, Skip):
        return {"skip": verdict.reason}
    if isinstance(verdict, Defer):
        return {"defer": _write_time(verdict.until_ms)}
    if verdict is not None:
        raise AssertionError(f"{verdict!r} is no verdict")
    return {"send": "unchanged" if request == _read_request(given) else _write_request(request)}


def _delivery(lead: dict[str, Any], about: dict[str, Any], now_ms: int) -> Delivery:
    unknown = about.keys() - {"id", "webhook", "trigger", "occurred_at", "now", "resend", "sample"}
    if unknown:
        raise AssertionError(f"delivery.json has no {', '.join(sorted(unknown))}")
    given = {key: value for key, value in about.items() if key not in ("occurred_at", "now")}
    occurred_at = about.get("occurred_at")
    return Delivery.of(lead, occurred_at_ms=_read_time(occurred_at) if occurred_at else now_ms, **given)


def _read(fixture: Path, name: str, default: Any = None) -> Any:
    """A file of a fixture; the default where there is none."""
    path = fixture / name
    if default is not None and not path.exists():
        return default
    return json.loads(path.read_text())


def _read_request(written: dict[str, Any]) -> Request:
    body = written["body"]
    form = body.get("form")
    headers = [(name, value) for name, value in written.get("headers", [])]
    ours = _read_bytes(body) if form is None else Form([(name, value) for name, value in form])
    return Request(written["method"], written["url"], headers, ours)


def _read_bytes(body: dict[str, Any]) -> Raw:
    if "json" in body:
        usual, content = "application/json", json.dumps(body["json"], ensure_ascii=False, separators=(",", ":")).encode()
    elif "text" in body:
        usual, content = "text/plain", body["text"].encode()
    else:
        usual, content = "application/octet-stream", base64.b64decode(body["base64"], validate=True)
    return Raw(body.get("content_type", usual), content)


def _write_request(request: Request) -> dict[str, Any]:
    if isinstance(request.body, Form):
        body: dict[str, Any] = {"form": [list(pair) for pair in request.body]}
    else:
        body = _write_bytes(request.body)
    headers = [list(pair) for pair in request.headers]
    return {"method": request.method, "url": request.url, "headers": headers, "body": body}


def _write_bytes(raw: Raw) -> dict[str, Any]:
    about = {} if raw.content_type == "application/json" else {"content_type": raw.content_type}
    if "json" in raw.content_type:
        try:
            return {**about, "json": json.loads(raw.bytes)}
        except ValueError:
            pass
    try:
        return {"content_type": raw.content_type, "text": raw.bytes.decode()}
    except UnicodeDecodeError:
        return {"content_type": raw.content_type, "base64": base64.b64encode(raw.bytes).decode()}


def _read_response(written: dict[str, Any]) -> Response:
    headers = [(name.lower(), value) for name, value in written.get("headers", [])]
    has_body = any(key in written for key in ("json", "text", "base64"))
    return Response(written["status"], headers, _read_bytes(written).bytes if has_body else b"")


def _write_judgement(judgement: Judgement) -> dict[str, Any]:
    if isinstance(judgement, Delivered):
        return {"judgement": "delivered"}
    if isinstance(judgement, Retry):
        after = {} if judgement.after_seconds is None else {"after_seconds": judgement.after_seconds}
        return {"judgement": "retry", **after}
    return {"judgement": "refused", "reason": judgement.reason}


def _read_time(text: str) -> int:
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round(at.timestamp() * 1000)


def _write_time(ms: int) -> str:
    at = datetime.fromtimestamp(ms // 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{at}.{ms % 1000:03}Z" if ms % 1000 else f"{at}Z"
