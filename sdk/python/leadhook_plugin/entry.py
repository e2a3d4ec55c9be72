"""What a build makes a component of: the functions of the module `plugin` under the interface's names."""

import plugin  # type: ignore[import-not-found]

from . import wire


class Filter:
    """Asked before anything is sent."""

    def accept(self, delivery):
        return wire.accept(delivery, plugin.filter)


class Transform:
    """Rewrites the request."""

    def run(self, delivery, request):
        return wire.run(delivery, request, plugin.transform)


class Receipt:
    """Judges the handler's answer."""

    def judge(self, delivery, response):
        return wire.judge(delivery, response, plugin.receipt)
