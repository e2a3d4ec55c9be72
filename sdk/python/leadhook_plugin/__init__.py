"""Write a leadhook plugin in Python: plain functions that filter, rewrite and judge deliveries.

A plugin is a module `plugin` with at least one of three functions:

- `filter(delivery)`, asked before anything is sent: `None` lets the delivery pass, `Skip` ends it;
- `transform(delivery, request)`, which edits the request: `None` sends it, `Skip` and `Defer` do not;
- `receipt(delivery, response)`, which judges the handler's answer: `Delivered`, `Retry` or `Refused`.

Each may raise `Failure`. Any other exception ends the call as an error; its text stands in the delivery's log. The
engine calls each in a fresh instance with limits on fuel, time, memory and sizes, so nothing stays in memory from one
delivery to the next; what shall stay goes into `kv`.

There are no files, no network, no clock and no other randomness than `now_ms` and `random`, and nothing can be
imported during a call: import at the top of a file.
"""

from . import kv, log
from .delivery import Delivery
from .host import config, now_ms, random, secret
from .lead import Lead
from .parameter import PARAMETERS, Parameter
from .request import Form, Raw, Request
from .response import Response
from .verdict import Decision, Defer, Delivered, Failure, Judgement, Refused, Retry, Skip, Verdict

__all__ = [
    "PARAMETERS",
    "Decision",
    "Defer",
    "Delivered",
    "Delivery",
    "Failure",
    "Form",
    "Judgement",
    "Lead",
    "Parameter",
    "Raw",
    "Refused",
    "Request",
    "Response",
    "Retry",
    "Skip",
    "Verdict",
    "config",
    "kv",
    "log",
    "now_ms",
    "random",
    "secret",
]
