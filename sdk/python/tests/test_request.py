"""The request and how it is edited, and a handler's answer."""

import unittest

from leadhook_plugin import Delivered, Failure, Raw, Refused, Request, Response, Retry

PAIRS = [("id", "1"), ("phone", "7"), ("notes[0][party]", "client"), ("phone", "8"), ("phones", "9")]


class Requests(unittest.TestCase):
    def test_pairs_are_edited_where_they_stand(self):
        for edit, expected in (
            (lambda form: form.set("phone", "5"), "id=1 phone=5 notes[0][party]=client phones=9"),
            (lambda form: form.set("new", "5"), "id=1 phone=7 notes[0][party]=client phone=8 phones=9 new=5"),
            (lambda form: form.push("id", "2"), "id=1 phone=7 notes[0][party]=client phone=8 phones=9 id=2"),
            (lambda form: self.assertEqual(form.remove("phone"), "7"), "id=1 notes[0][party]=client phones=9"),
            (lambda form: form.rename("notes", "c"), "id=1 phone=7 c[0][party]=client phone=8 phones=9"),
            (lambda form: form.rename("phone", "tel"), "id=1 tel=7 notes[0][party]=client tel=8 phones=9"),
        ):
            request = Request.post("https://crm.example/hook", PAIRS)
            edit(request.form)
            self.assertEqual(" ".join(f"{name}={value}" for name, value in request.form), expected)
        self.assertEqual((request.form.get("tel"), request.form.get("te")), ("7", None))

    def test_json_makes_a_post_and_is_no_form_any_more(self):
        request = Request("GET", "https://crm.example/hook")
        request.set_json({"a": "я"})
        self.assertEqual((request.method, request.body), ("POST", Raw("application/json", '{"a":"я"}'.encode())))
        with self.assertRaisesRegex(Failure, "not_a_form.*application/json"):
            request.form.set("a", "b")

    def test_headers_are_found_in_any_case_and_kept_in_lower_case(self):
        request = Request.post("https://crm.example/hook")
        request.set_header("X-Source", "a")
        request.set_header("x-source", "b")
        self.assertEqual((request.headers, request.header("X-SOURCE")), ([("x-source", "b")], "b"))
        request.remove_header("X-source")
        self.assertIsNone(request.header("x-source"))

    def test_a_query_is_added_to_the_one_there_is(self):
        for url, expected in (
            ("https://a.example/", "https://a.example/?k=a%20%D1%8F%26"),
            ("https://a.example/?", "https://a.example/?k=a%20%D1%8F%26"),
            ("https://a.example/?x=1", "https://a.example/?x=1&k=a%20%D1%8F%26"),
        ):
            request = Request.post(url)
            request.add_query("k", "a я&")
            self.assertEqual(request.url, expected)


class Responses(unittest.TestCase):
    def test_a_status_alone_judges_an_answer(self):
        for status, retry_after, expected in (
            (200, None, Delivered()),
            (204, "5", Delivered()),
            (302, None, Refused("the handler answered 302")),
            (429, " 30", Retry(30)),
            (503, "Fri, 31 Dec 1999 23:59:59 GMT", Retry()),
            (503, "99999999999", Retry()),
            (500, None, Retry()),
        ):
            headers = [] if retry_after is None else [("retry-after", retry_after)]
            response = Response(status, headers)
            self.assertEqual(response.judge_by_status(), expected)
            self.assertEqual(response.is_success, expected == Delivered())

    def test_a_body_that_is_no_json_is_a_failure_and_has_a_text(self):
        response = Response(200, body=b"\xff{")
        self.assertEqual(response.text(), "\ufffd{")
        with self.assertRaisesRegex(Failure, "bad_json"):
            response.json()
        self.assertEqual(Response(200, body=b'{"a":1}').json(), {"a": 1})
