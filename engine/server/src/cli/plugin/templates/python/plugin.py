"""Writes the caller's phone with a plus, and holds back leads without one."""

from leadhook_plugin import Delivery, Request, Skip, Verdict, config


def transform(delivery: Delivery, request: Request) -> Verdict:
    # What the link's `config` may hold, with what it is unless given; anything else is refused by name.
    settings = config({"field": "phone"})
    phone = delivery.lead.text("callerphone")
    if phone is None:
        return Skip("the lead has no phone")
    request.form.set(settings["field"], f"+{phone}")
    return None
