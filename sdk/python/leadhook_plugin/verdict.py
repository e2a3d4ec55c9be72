"""What a plugin answers, and why it could not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Union


@dataclass(frozen=True)
class Skip:
    """The delivery ends as skipped, for this reason. A filter or a transform may answer it."""

    reason: str


@dataclass(frozen=True)
class Defer:
    """It is tried again at that time (Unix milliseconds), without an attempt being spent."""

    until_ms: int


@dataclass(frozen=True)
class Delivered:
    """The handler has it."""


@dataclass(frozen=True)
class Retry:
    """The answer counts as failed and the retry policy follows, after the seconds that the handler asked for."""

    after_seconds: Optional[int] = None


@dataclass(frozen=True)
class Refused:
    """Failed for good, without a retry, for this reason."""

    reason: str


Decision = Optional[Skip]
"""What a filter answers: `None` lets the delivery pass."""

Verdict = Union[Skip, Defer, None]
"""What a transform answers: `None` sends the request as the transform left it."""

Judgement = Union[Delivered, Retry, Refused]
"""What a receipt answers."""


class Failure(Exception):
    """Why a plugin could not do its work; the link's `on_error` says what follows.

    `code` is a short stable word such as `bad_config`, `detail` is words for the webhook's owner. One that
    `is_retryable` may pass by itself: the retry policy tries again.
    """

    def __init__(self, code: str, detail: str, *, is_retryable: bool = False) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.is_retryable = is_retryable

    def as_judgement(self) -> Judgement:
        """What a receipt's failure means for the answer that it could not judge."""
        return Retry() if self.is_retryable else Refused(str(self))
