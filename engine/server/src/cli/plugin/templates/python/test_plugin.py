"""Each folder of `fixtures`, natively. `leadhook plugin test` runs the same through the built wasm."""

import unittest
from pathlib import Path

import plugin
from leadhook_plugin import fixture


class Plugin(unittest.TestCase):
    def test_fixtures(self) -> None:
        fixture.check(Path(__file__).parent, plugin)
