"""The lead of a delivery: typed access to the JSON that the engine gives."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any, Literal, Optional

from .parameter import PARAMETERS, FlagParameter, NumberParameter, ObjectParameter, Parameter
from .parameter import RecordsParameter, TagsParameter, TextParameter


class Lead:
    """The lead that a delivery is about. Its JSON is read when something is first asked of it.

    What has no value is `None`, never an empty text. A name that the catalogue does not have is an error of the
    plugin, except in `get`, which also finds what a newer engine may add.
    """

    def __init__(self, json_text: str) -> None:
        self.json = json_text

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Lead:
        """A lead for a test."""
        return cls(json.dumps(fields, ensure_ascii=False))

    @cached_property
    def fields(self) -> dict[str, Any]:
        """The whole lead: `site`, `type`, `id`, `parameters`, `visits`, `started_at`, `timezone`, `country`, `renamed`."""
        return json.loads(self.json)

    @property
    def site(self) -> str:
        """The id of its site."""
        return self.fields["site"]

    @property
    def kind(self) -> Literal["call", "request"]:
        """Whether it is a call or a request: a form sent on a site."""
        return self.fields["type"]

    @property
    def id(self) -> str:
        """Its id at its source."""
        return self.fields["id"]

    @property
    def started_at(self) -> Optional[str]:
        """When it began, as RFC 3339 in UTC."""
        return self.fields.get("started_at")

    @property
    def timezone(self) -> Optional[str]:
        """The IANA time zone of its site, such as `Europe/Moscow`."""
        return self.fields.get("timezone")

    @property
    def country(self) -> Optional[str]:
        """The country of its site in two letters, such as `RU`."""
        return self.fields.get("country")

    @property
    def visits(self) -> list[dict[str, Any]]:
        """The visitor's visits, oldest first: `at`, `url`, `ref`, `source` and so on, where they are known."""
        return self.fields.get("visits", [])

    @property
    def parameters(self) -> dict[str, Any]:
        """Every parameter that has a value, in the catalogue's order."""
        return self.fields["parameters"]

    def get(self, name: str) -> Any:
        """The value of the parameter with this name, of any form."""
        return self.parameters.get(name)

    def text(self, parameter: TextParameter | NumberParameter | FlagParameter | ObjectParameter) -> Optional[str]:
        """The text of a parameter, as it would be sent."""
        value = self._value(parameter)
        return value if isinstance(value, str) else None

    def number(self, parameter: NumberParameter) -> Optional[int]:
        """The whole number of a parameter, such as `duration`."""
        text = self.text(parameter)
        digits = (text or "").removeprefix("-")
        return int(text) if text and digits.isascii() and digits.isdigit() else None

    def flag(self, parameter: FlagParameter) -> Optional[bool]:
        """The yes or no of a parameter, such as `spam`."""
        return {"true": True, "false": False}.get(self.text(parameter) or "")

    def tags(self, parameter: TagsParameter) -> list[str]:
        """The tags of one tag parameter, none when it has no value."""
        return [tag for tag in self._list(parameter) if isinstance(tag, str)]

    def records(self, parameter: RecordsParameter) -> list[tuple[str, str]]:
        """The elements of a list as their two fields: party and comment, channel and phrase, or name and value."""
        values = [tuple(record.values()) for record in self._list(parameter) if isinstance(record, dict)]
        return [(fields[0], fields[1]) for fields in values if len(fields) >= 2]

    def name_as_sent(self, parameter: Parameter) -> str:
        """The name under which the webhook sends a parameter."""
        _known(parameter)
        return self.fields.get("renamed", {}).get(parameter, parameter)

    def parameter_as_sent(self, name: str) -> Optional[str]:
        """The parameter that the webhook sends under this name; a renamed one is not known by its own."""
        renamed = self.fields.get("renamed", {})
        for own, sent in renamed.items():
            if sent == name:
                return own
        return name if name in PARAMETERS and name not in renamed else None

    def _list(self, parameter: str) -> list[Any]:
        value = self._value(parameter)
        return value if isinstance(value, list) else []

    def _value(self, parameter: str) -> Any:
        _known(parameter)
        return self.get(parameter)

    def __repr__(self) -> str:
        return f"Lead({self.json})"


def _known(parameter: str) -> None:
    if parameter not in PARAMETERS:
        raise LookupError(f"there is no parameter `{parameter}`; `get` takes any name")
