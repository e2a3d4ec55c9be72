"""The golden plugin in Python: it uses every function and every case of the interface, as its configuration says."""

from leadhook_plugin import Decision, Defer, Delivered, Delivery, Failure, Judgement, Refused, Request, Response
from leadhook_plugin import Retry, Skip, Verdict, config, kv, log, now_ms, random, secret


def filter(delivery: Delivery) -> Decision:
    mode = config()["mode"]
    if mode == "filter-skip":
        return Skip(f"{delivery.trigger} is not wanted")
    if mode == "filter-fail":
        raise Failure("busy", "ask again", is_retryable=True)
    return None


def transform(delivery: Delivery, request: Request) -> Verdict:
    mode = config()["mode"]
    if mode == "skip":
        return Skip("held back")
    if mode == "defer":
        return Defer(now_ms() + 60_000)
    if mode == "fail":
        raise Failure("golden", "as asked")
    if mode == "raw":
        request.set_raw("text/plain; charset=utf-8", "сырой".encode())
        request.set_header("x-golden", "1")
    elif mode == "bytes":
        request.set_raw("application/octet-stream", bytes([0, 255, 128, 10]))
    elif mode == "logs":
        log.debug("one")
        log.info("two")
        log.warn("three")
        log.error("четыре")
        request.form.set("random", str(random() >> 40))
    else:
        _form(delivery, request)
    return None


def _form(delivery: Delivery, request: Request) -> None:
    lead = delivery.lead
    kept = kv.get("kept")
    kv.set("kept", b"42")
    kv.set("brief", b"7", ttl_seconds=60)
    kv.delete("gone")
    for name, value in {
        "phone": f"+{lead.text('callerphone')}",
        "email": "unknown" if lead.text("email") is None else "known",
        "about": " ".join([delivery.id, delivery.webhook, delivery.site, delivery.trigger]),
        "times": f"{delivery.occurred_at_ms} {now_ms()}",
        "flags": f"{delivery.resend} {delivery.sample}".lower(),
        "lead": " ".join([lead.site, lead.id, lead.timezone or ""]),
        "tags": "|".join(lead.tags("tags_manual")),
        "comments": "|".join(f"{party}: {text}" for party, text in lead.records("comment")),
        "secret": secret("token"),
        "kept": "nothing" if kept is None else kept.decode(),
        "calls": str(kv.increment("calls", 2, ttl_seconds=60)),
    }.items():
        request.form.set(name, value)
    request.form.remove("unwanted")
    request.set_header("x-golden", "yes")
    request.url += "?golden=1"


def receipt(delivery: Delivery, response: Response) -> Judgement:
    error = response.json().get("error")
    if error is None:
        return Delivered()
    if error == "LIMIT":
        return Retry(after_seconds=30)
    if error == "LATER":
        return Retry()
    return Refused(f"{response.status} {error} {response.header('x-about')}")
