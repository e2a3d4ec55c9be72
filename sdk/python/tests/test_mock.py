"""The host that stands for the engine in a native test."""

import doctest
import unittest

from leadhook_plugin import Failure, Refused, Retry, config, kv, log, mock, now_ms, random, secret
from leadhook_plugin.mock import Host


class Hosts(unittest.TestCase):
    def test_a_configuration_is_read_and_what_does_not_fit_is_named(self):
        def given(settings, defaults):
            return Host(settings).run(lambda: config(defaults))

        self.assertEqual(given({}, {"hours": 0}), {"hours": 0})
        self.assertEqual(given({"hours": 2}, {"hours": 0, "name": None}), {"hours": 2, "name": None})
        self.assertEqual(given({"any": 1}, None), {"any": 1})
        for settings, words in (({"hour": 2}, "`hour`.*`hours`"), ({"hours": "2"}, "`hours` is to be a number")):
            with self.assertRaisesRegex(Failure, f"bad_config.*{words}"):
                given(settings, {"hours": 0})

    def test_a_secret_is_given_by_name_only(self):
        host = Host(secrets={"token": "s3cret"})
        self.assertEqual(host.run(lambda: secret("token")), "s3cret")
        with self.assertRaisesRegex(Failure, "no_secret.*`other`"):
            host.run(lambda: secret("other"))

    def test_state_lives_as_long_as_it_was_given(self):
        host = Host()
        host.run(lambda: kv.set("ever", b"1"))
        host.run(lambda: kv.set_json("minute", {"a": 1}, ttl_seconds=60))
        self.assertEqual(host.run(lambda: kv.increment("sum", 2, ttl_seconds=60)), 2)
        host.now_ms = 59_999
        self.assertEqual(host.run(lambda: kv.increment("sum", -5, ttl_seconds=60)), -3)
        self.assertEqual(host.run(lambda: kv.get_json("minute")), {"a": 1})
        host.now_ms = 60_000
        self.assertEqual(host.stored(), {"ever": b"1"})
        host.run(lambda: kv.delete("ever"))
        self.assertEqual(host.run(lambda: (kv.get("ever"), kv.increment("sum"))), (None, 1))

    def test_numbers_are_the_same_for_the_same_seed_and_lines_are_kept(self):
        def two(seed):
            return Host(seed=seed).run(lambda: (random(), random()))

        self.assertEqual(two(1), two(1))
        self.assertNotEqual(two(1), two(2))
        # The first number of SplitMix64 from the seed 0.
        self.assertEqual(two(0)[0], 0xE220A8397B1DCDAF)
        host = Host(now_ms=5)
        host.run(lambda: log.warn(f"{now_ms()} ms"))
        self.assertEqual(host.lines, [("warn", "5 ms")])

    def test_what_the_engine_would_refuse_is_refused(self):
        for call in (
            lambda: kv.get(""),
            lambda: kv.set("k" * 257, b""),
            lambda: kv.set("k", b" " * 65_537),
            lambda: kv.set("k", "text"),  # type: ignore[arg-type]
        ):
            with self.assertRaises((ValueError, TypeError)):
                Host().run(call)
        with self.assertRaisesRegex(RuntimeError, "within `mock.Host.run`"):
            now_ms()

    def test_a_failure_of_a_receipt_is_a_judgement(self):
        self.assertEqual(Failure("busy", "later", is_retryable=True).as_judgement(), Retry())
        self.assertEqual(Failure("bad_json", "no").as_judgement(), Refused("bad_json: no"))

    def test_the_example_in_the_documentation_holds(self):
        self.assertEqual(doctest.testmod(mock).failed, 0)
