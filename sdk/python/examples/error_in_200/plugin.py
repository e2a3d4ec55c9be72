"""Judges a handler that answers 200 with the error inside: `{"error": "LIMIT"}`."""

from leadhook_plugin import Delivered, Delivery, Judgement, Refused, Response, Retry


def receipt(delivery: Delivery, response: Response) -> Judgement:
    if not response.is_success:
        return response.judge_by_status()
    error = response.json().get("error")
    if error is None:
        return Delivered()
    return Retry(after_seconds=30) if error == "LIMIT" else Refused(f"the handler said {error}")
