"""The lookup `sequence`: `start=1 end=5 stride=2 format=web%02d`, `5`, `5-8`, `2-10/2:host%02d`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_SHORT = re.compile(
    r"^(?:([-+]?(?:0x?)?[0-9a-f]+)-)?([-+]?(?:0x?)?[0-9a-f]+)(?:/([-+]?(?:0x?)?[0-9a-f]+))?(?::(.+))?$", re.I
)
_KEYS = ("start", "end", "count", "stride", "format")
_MOST = 1_000_000


def sequence(term: str, options: Mapping[str, Any]) -> list[str]:
    """The numbers, each in its format."""
    said = {**options, **_said(term)}
    unknown = [key for key in said if key not in _KEYS]
    if unknown:
        raise ValueError(f"sequence does not know `{unknown[0]}`; there are {', '.join(_KEYS)}")
    start, stride = _number(said.get("start", 1)), _number(said.get("stride", 1))
    end = _end(said, start, stride)
    form = str(said.get("format", "%d"))
    if stride == 0 or (stride > 0 and end < start) or (stride < 0 and end > start):
        return _nothing(said, start, end, stride)
    numbers = range(start, end + (1 if stride > 0 else -1), stride)
    if len(numbers) > _MOST:
        raise ValueError(f"a sequence of {len(numbers)} numbers is too long")
    return [form % number for number in numbers]


def _said(term: str) -> dict[str, Any]:
    match = _SHORT.match(term.strip())
    if not match:
        pairs = (word.partition("=") for word in term.split())
        return {key: value for key, _, value in pairs}
    start, end, stride, form = match.groups()
    given = {"start": start, "end": end, "stride": stride, "format": form}
    return {key: value for key, value in given.items() if value is not None}


def _end(said: Mapping[str, Any], start: int, stride: int) -> int:
    if ("count" in said) == ("end" in said):
        raise ValueError("sequence needs either `end` or `count`")
    if "end" in said:
        return _number(said["end"])
    count = _number(said["count"])
    return start + (count - 1) * stride if count else start - stride


def _nothing(said: Mapping[str, Any], start: int, end: int, stride: int) -> list[str]:
    if "count" in said or stride == 0:
        return []
    raise ValueError(f"a sequence from {start} to {end} needs a stride in the other direction")


def _number(value: Any) -> int:
    return value if isinstance(value, int) else int(str(value), 0)
