"""Kinds of version numbers and how they compare: loose, strict, semantic, Python's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import total_ordering
from typing import Any


@total_ordering
class Loose:
    """Anything: split into numbers and words. Numbers and words do not compare, as in Python."""

    def __init__(self, text: str) -> None:
        parts = (part for part in re.split(r"(\d+|[a-z]+|\.)", text, flags=re.VERBOSE) if part and part != ".")
        self.parts: list[Any] = [int(part) if part.isdigit() else part for part in parts]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Loose) and self.parts == other.parts

    def __lt__(self, other: Loose) -> bool:
        return self.parts < other.parts

    __hash__ = None  # type: ignore[assignment]


@total_ordering
class Strict:
    """Two or three numbers, then `a` or `b` and a number for a version before it."""

    def __init__(self, text: str) -> None:
        match = re.match(r"^(\d+)\.(\d+)(?:\.(\d+))?(?:([ab])(\d+))?$", text)
        if not match:
            raise ValueError(f"invalid version number '{text}'")
        numbers = (int(match[1]), int(match[2]), int(match[3] or 0))
        self.key = (numbers, (0, match[4], int(match[5])) if match[4] else (1, "", 0))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Strict) and self.key == other.key

    def __lt__(self, other: Strict) -> bool:
        return self.key < other.key

    __hash__ = None  # type: ignore[assignment]


_SEMANTIC = re.compile(
    r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?$"
)


@total_ordering
class Semantic:
    """semver.org: three numbers, `-` what comes before the release, `+` what does not count."""

    def __init__(self, text: str) -> None:
        match = _SEMANTIC.match(text)
        if not match:
            raise ValueError(f"invalid semantic version '{text}'")
        before = match[4].split(".") if match[4] else []
        words = tuple((0, int(word), "") if word.isdigit() else (1, 0, word) for word in before)
        self.key = (int(match[1]), int(match[2]), int(match[3]), not before, words)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Semantic) and self.key == other.key

    def __lt__(self, other: Semantic) -> bool:
        return self.key < other.key

    __hash__ = None  # type: ignore[assignment]


def _python(text: str) -> Any:
    try:
        from packaging.version import Version
    except ImportError as error:
        raise ValueError("version_type pep440 needs the Python library `packaging`") from error
    return Version(text)


VERSIONS: Mapping[str, Callable[[str], Any]] = {
    "loose": Loose,
    "strict": Strict,
    "semver": Semantic,
    "semantic": Semantic,
    "pep440": _python,
}
