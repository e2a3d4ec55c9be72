"""The request as it stands at a link of the chain, and how it is edited."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Iterable, Iterator, Optional, Union

from .verdict import Failure


@dataclass
class Form:
    """Names with values in the order in which they are sent. A name may stand there more than once."""

    pairs: list[tuple[str, str]] = field(default_factory=list)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.pairs)

    def get(self, name: str) -> Optional[str]:
        """The first value of a name."""
        return next((value for own, value in self.pairs if own == name), None)

    def set(self, name: str, value: str) -> None:
        """Sets a value in the place where the name stands, or at the end; further pairs of that name go."""
        places = [place for place, (own, _) in enumerate(self.pairs) if own == name]
        if not places:
            return self.push(name, value)
        self.pairs[places[0]] = (name, value)
        for place in reversed(places[1:]):
            del self.pairs[place]

    def push(self, name: str, value: str) -> None:
        """Adds a pair at the end."""
        self.pairs.append((name, value))

    def remove(self, name: str) -> Optional[str]:
        """Removes every pair of a name and answers the first value."""
        first = self.get(name)
        self.pairs = [pair for pair in self.pairs if pair[0] != name]
        return first

    def rename(self, before: str, after: str) -> None:
        """Gives a parameter another name in place; of a list too, whose pairs keep their indices."""

        def renamed(name: str) -> str:
            is_meant = name == before or name.startswith(f"{before}[")
            return after + name[len(before) :] if is_meant else name

        self.pairs = [(renamed(name), value) for name, value in self.pairs]


@dataclass
class Raw:
    """Bytes that are sent as they are."""

    content_type: str
    """What the bytes are, such as `application/json`."""
    bytes: bytes


@dataclass
class Request:
    """What is sent. The engine checks what comes back like any input from outside."""

    method: str
    """`GET` sends a form as the query, `POST` as the body."""
    url: str
    """Where to: an http or https URL that the engine's address guard lets pass."""
    headers: list[tuple[str, str]] = field(default_factory=list)
    """Names in lower case with their values, which have no CR, LF or NUL."""
    body: Union[Form, Raw] = field(default_factory=Form)

    @classmethod
    def post(cls, url: str, pairs: Iterable[tuple[str, str]] = ()) -> Request:
        """A POST of a form with these pairs."""
        return cls("POST", url, [], Form(list(pairs)))

    @property
    def form(self) -> Form:
        """The form, to be read and edited; `not_a_form` when a link before this one made another body."""
        if isinstance(self.body, Form):
            return self.body
        made = f"a link before this one made the body `{self.body.content_type}`"
        raise Failure("not_a_form", f"{made}: this plugin needs the form, so put it first")

    def set_json(self, value: Any) -> None:
        """Sends this as JSON in place of what the request carried. A GET becomes a POST, since it has no body."""
        self.set_raw("application/json", json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())

    def set_raw(self, content_type: str, content: bytes) -> None:
        """Sends these bytes in place of what the request carried. A GET becomes a POST, since it has no body."""
        self.method = "POST"
        self.body = Raw(content_type, content)

    def header(self, name: str) -> Optional[str]:
        """The value of a header, its name in any case."""
        return next((value for own, value in self.headers if own.lower() == name.lower()), None)

    def set_header(self, name: str, value: str) -> None:
        """Sets a header in place of all that have its name."""
        self.remove_header(name)
        self.headers.append((name.lower(), value))

    def remove_header(self, name: str) -> None:
        """Removes every header of this name, in any case."""
        self.headers = [pair for pair in self.headers if pair[0].lower() != name.lower()]

    def add_query(self, name: str, value: str) -> None:
        """Adds a pair to the URL's own query, percent-encoded."""
        _, mark, query = self.url.partition("?")
        separator = "?" if not mark else "" if not query or query.endswith("&") else "&"
        self.url += f"{separator}{_percent_encoded(name)}={_percent_encoded(value)}"


# `urllib.parse` would bring the network's modules along, which cost every call.
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def _percent_encoded(text: str) -> str:
    """Encodes all but the unreserved characters of RFC 3986, section 2.3."""
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in text.encode())
