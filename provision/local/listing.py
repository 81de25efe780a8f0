"""Lists as the API gives them: filtered, ordered, and a page at a time."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from provision.local.answers import ApiError, invalid

Document = Mapping[str, Any]
Test = Callable[[Document], bool]

_TOKEN = re.compile(r"""\s*(?:(\()|(\))|(!=|<=|>=|=|<|>|:)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|([^\s()=!<>:"']+))""")


def page(documents: Sequence[Document], query: Mapping[str, str]) -> tuple[list[Document], str]:
    """The documents of one page, and the token of the next one, empty at the end."""
    chosen = _ordered([item for item in documents if matches(query.get("filter", ""))(item)], query.get("orderBy", ""))
    first, size = _offset(query.get("pageToken", "")), _page_size(query.get("maxResults", ""))
    rest = first + size < len(chosen)
    return chosen[first : first + size], _token(first + size) if rest else ""


def _page_size(text: str) -> int:
    if not text:
        return 500
    if not text.isdigit() or int(text) > 500:
        raise invalid("maxResults", text, "Values must be within the range: [0, 500]")
    return int(text) or 500


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(f"after:{offset}".encode()).decode()


def _offset(token: str) -> int:
    if not token:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token.encode()).decode().removeprefix("after:"))
    except (ValueError, binascii.Error) as error:
        raise invalid("pageToken", token, "Invalid page token.") from error


def _ordered(documents: list[Document], order: str) -> list[Document]:
    match order.split():
        case [] | ["name"]:
            return sorted(documents, key=lambda item: str(item.get("name", "")))
        case ["creationTimestamp", "desc"]:
            return sorted(documents, key=lambda item: str(item.get("creationTimestamp", "")), reverse=True)
        case _:
            raise invalid("orderBy", order, "Only 'name' and 'creationTimestamp desc' are supported.")


def matches(text: str) -> Test:
    """The test that a filter stands for: AIP-160 (`labels.a=b AND status!=RUNNING`) or the older `name eq regex`."""
    if not text.strip():
        return lambda document: True
    return _Filter(text).read()


class _Filter:
    """Reads one filter, by recursive descent."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split()
        self._at = 0

    def read(self) -> Test:
        test = self._any()
        if self._at != len(self._tokens):
            raise self._wrong()
        return test

    def _split(self) -> list[str]:
        tokens, at, text = [], 0, self._text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise self._wrong()
            tokens.append(found.group().strip())
            at = found.end()
        return tokens

    def _wrong(self) -> ApiError:
        return invalid("filter", self._text, "Invalid list filter expression.")

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        if self._at >= len(self._tokens):
            raise self._wrong()
        self._at += 1
        return self._tokens[self._at - 1]

    def _any(self) -> Test:
        tests = [self._all()]
        while self._peek() == "OR":
            self._take()
            tests.append(self._all())
        return lambda document: any(test(document) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._peek() not in ("", ")", "OR"):
            if self._peek() == "AND":
                self._take()
            tests.append(self._one())
        return lambda document: all(test(document) for test in tests)

    def _one(self) -> Test:
        word = self._take()
        if word == "(":
            test = self._any()
            if self._take() != ")":
                raise self._wrong()
            return test
        if word in ("NOT", "-"):
            inner = self._one()
            return lambda document: not inner(document)
        if word.startswith("-"):
            negated = self._comparison(word[1:])
            return lambda document: not negated(document)
        return self._comparison(word)

    def _comparison(self, field: str) -> Test:
        operator, value = self._take(), _unquoted(self._take())
        names = tuple(_unquoted(field).split("."))
        check = _CHECKS.get(operator)
        if check is None:
            raise self._wrong()
        if operator in ("eq", "ne"):
            _compiled(value, self._wrong())
        return lambda document: check(_values(document, names), value)


def _unquoted(word: str) -> str:
    """The word itself; only quotes are escaped in quotes, other backslashes belong to a regular expression."""
    return re.sub(r"\\([\"'])", r"\1", word[1:-1]) if word[:1] in ("'", '"') else word


def _compiled(pattern: str, problem: ApiError) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise problem from error


def _values(document: Any, names: tuple[str, ...]) -> list[str]:
    """Every value at the path; lists on the way are looked into. A key of a map may hold dots itself."""
    if isinstance(document, list):
        return [value for item in document for value in _values(item, names)]
    if not names:
        return list(document) if isinstance(document, Mapping) else [_text(document)]
    if not isinstance(document, Mapping):
        return []
    for length in range(1, len(names) + 1):
        key = ".".join(names[:length])
        if key in document:
            return _values(document[key], names[length:])
    return []


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _equal(values: list[str], wanted: str) -> bool:
    pattern = re.compile(re.escape(wanted).replace(r"\*", ".*"), re.IGNORECASE)
    return any(pattern.fullmatch(value) for value in values)


def _has(values: list[str], wanted: str) -> bool:
    return bool(values) if wanted == "*" else _equal(values, wanted) or any(wanted == value for value in values)


def _regex(values: list[str], wanted: str) -> bool:
    return any(re.fullmatch(wanted, value) for value in values)


def _compare(values: list[str], wanted: str, holds: Callable[[int], bool]) -> bool:
    def sign(value: str) -> int:
        try:
            left, right = float(value), float(wanted)
        except ValueError:
            return (value > wanted) - (value < wanted)
        return (left > right) - (left < right)

    return any(holds(sign(value)) for value in values)


_CHECKS: Mapping[str, Callable[[list[str], str], bool]] = {
    "=": _equal,
    "eq": _regex,
    ":": _has,
    "!=": lambda values, wanted: not _equal(values, wanted),
    "ne": lambda values, wanted: not _regex(values, wanted),
    "<": lambda values, wanted: _compare(values, wanted, lambda sign: sign < 0),
    ">": lambda values, wanted: _compare(values, wanted, lambda sign: sign > 0),
    "<=": lambda values, wanted: _compare(values, wanted, lambda sign: sign <= 0),
    ">=": lambda values, wanted: _compare(values, wanted, lambda sign: sign >= 0),
}
