"""A handler's answer, for a receipt to judge."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Optional

from .verdict import Delivered, Failure, Judgement, Refused, Retry


@dataclass
class Response:
    """What a handler answered."""

    status: int
    """The HTTP status."""
    headers: list[tuple[str, str]] = field(default_factory=list)
    """Names in lower case with their values."""
    body: bytes = b""
    """The body, cut at the engine's limit."""
    elapsed_ms: int = 0
    """How long the answer took, in milliseconds."""

    def header(self, name: str) -> Optional[str]:
        """The value of a header, its name in any case."""
        return next((value for own, value in self.headers if own.lower() == name.lower()), None)

    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 become U+FFFD."""
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        """The body read as JSON; `bad_json` when it is none."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Failure("bad_json", str(error)) from error

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def retry_after_seconds(self) -> Optional[int]:
        """The seconds of `Retry-After`, when it states seconds (RFC 9110, section 10.2.3)."""
        text = (self.header("retry-after") or "").strip()
        seconds = int(text) if text.isascii() and text.isdigit() else None
        return seconds if seconds is not None and seconds < 2**32 else None

    def judge_by_status(self) -> Judgement:
        """The judgement by the status alone, for where the body says nothing.

        2xx is delivered; 408, 425, 429 and 5xx are tried again, after `Retry-After` when it states seconds; others
        are refused.
        """
        if self.is_success:
            return Delivered()
        if self.status in (408, 425, 429) or self.status >= 500:
            return Retry(self.retry_after_seconds)
        return Refused(f"the handler answered {self.status}")
