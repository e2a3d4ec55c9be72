"""The lead, and the parameters that it may have."""

import unittest
from pathlib import Path

from leadhook_plugin import PARAMETERS, Delivery, Lead

KINDS = {
    "bool": "flag",
    "seconds": "number",
    "int": "number",
    "unix-seconds": "number",
    "tags": "tags",
    "list": "records",
    "json-object": "object",
}
LEAD = {
    "site": "60001",
    "type": "call",
    "id": "1500000001",
    "a_later_field": [1],
    "parameters": {
        "callerphone": "79990001001",
        "duration": "194",
        "spam": "false",
        "comment": [{"party": "client", "comment": "Три окна"}],
        "tags_manual": ["Отдел продаж", "Целевой, без записи"],
    },
    "visits": [{"at": "2026-03-02T09:41:10Z", "attrs": {"roistat": "1009"}}],
    "started_at": "2026-03-02T09:45:03Z",
    "timezone": "Europe/Moscow",
    "country": "RU",
    "renamed": {"callerphone": "phone", "duration": "status"},
}


class Leads(unittest.TestCase):
    def test_the_parameters_are_those_of_the_catalogue_in_its_order(self):
        table = Path(__file__).parents[3] / "tests/data/parameters.tsv"
        rows = [line.split("\t") for line in table.read_text().splitlines()[1:]]
        expected = [(row[0], KINDS.get(row[4], "text")) for row in rows]
        self.assertEqual(list(PARAMETERS.items()), expected)

    def test_a_lead_answers_by_the_form_of_each_value(self):
        lead = Lead.of(LEAD)
        self.assertEqual((lead.site, lead.kind, lead.id), ("60001", "call", "1500000001"))
        self.assertEqual(lead.text("callerphone"), "79990001001")
        self.assertEqual((lead.number("duration"), lead.flag("spam")), (194, False))
        self.assertEqual(lead.tags("tags_manual"), ["Отдел продаж", "Целевой, без записи"])
        self.assertEqual(lead.records("comment"), [("client", "Три окна")])
        self.assertEqual((lead.started_at, lead.timezone), ("2026-03-02T09:45:03Z", "Europe/Moscow"))
        self.assertEqual((lead.country, lead.visits[0]["attrs"]["roistat"]), ("RU", "1009"))
        self.assertEqual(list(lead.parameters)[:2], ["callerphone", "duration"])

    def test_what_has_no_value_or_another_form_is_none(self):
        lead = Lead.of(LEAD)
        self.assertEqual((lead.text("email"), lead.get("nothing"), lead.text("comment")), (None, None, None))
        self.assertEqual((lead.number("spam"), lead.flag("duration"), lead.tags("tags_api")), (None, None, []))

    def test_a_name_that_the_catalogue_does_not_have_is_told(self):
        for ask in (Lead.text, Lead.number, Lead.flag, Lead.tags, Lead.records, Lead.name_as_sent):
            with self.assertRaisesRegex(LookupError, "no parameter `phone`"):
                ask(Lead.of(LEAD), "phone")

    def test_a_parameter_is_found_by_the_name_under_which_it_is_sent(self):
        lead = Lead.of(LEAD)
        self.assertEqual((lead.name_as_sent("callerphone"), lead.name_as_sent("email")), ("phone", "email"))
        self.assertEqual((lead.parameter_as_sent("phone"), lead.parameter_as_sent("status")), ("callerphone", "duration"))
        found = [lead.parameter_as_sent(name) for name in ("email", "callerphone", "x")]
        self.assertEqual(found, ["email", None, None])

    def test_a_delivery_for_a_test_follows_from_its_lead(self):
        self.assertEqual(Delivery.of(LEAD).trigger, "call_ended")
        self.assertEqual(Delivery.of({**LEAD, "type": "request"}, sample=True).trigger, "request_created")
