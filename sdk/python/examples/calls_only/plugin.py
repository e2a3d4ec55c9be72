"""Lets calls pass that lasted long enough, and no requests."""

from leadhook_plugin import Decision, Delivery, Skip, config


def filter(delivery: Delivery) -> Decision:
    seconds_min = config({"seconds_min": 0})["seconds_min"]
    if delivery.lead.kind != "call":
        return Skip("only calls are wanted")
    if (delivery.lead.number("duration") or 0) < seconds_min:
        return Skip(f"the call lasted less than {seconds_min} s")
    return None
