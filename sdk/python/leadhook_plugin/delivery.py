"""The delivery that is rendered or judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Union

from .lead import Lead


@dataclass
class Delivery:
    """What the engine tells about the delivery at hand."""

    id: str
    """Its id, the same in every attempt."""
    webhook: str
    """The webhook's id."""
    site: str
    """The site's id."""
    trigger: str
    """What it is sent for, as in settings: `call_ended`, `request_created` and so on."""
    occurred_at_ms: int
    """When that happened, in Unix milliseconds."""
    resend: bool
    """Whether it is sent again by a resend."""
    sample: bool
    """Whether it is a preview or a probe: a lead that is nobody's."""
    lead: Lead
    """The lead."""

    @classmethod
    def of(cls, lead: Union[Lead, dict[str, Any]], **about: Any) -> Delivery:
        """A delivery of this lead for a test: its trigger is the end of a call or the arrival of a request.

        Other fields are given by name: `Delivery.of(lead, sample=True)`.
        """
        lead = lead if isinstance(lead, Lead) else Lead.of(lead)
        usual = {
            "id": "dlv_test",
            "webhook": "wh_test",
            "site": lead.site,
            "trigger": "call_ended" if lead.kind == "call" else "request_created",
            "occurred_at_ms": 0,
            "resend": False,
            "sample": False,
        }
        return cls(**{**usual, **about}, lead=lead)
