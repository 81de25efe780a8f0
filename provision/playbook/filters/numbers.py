"""Filters on numbers: logarithms, powers, sizes in bytes and bits."""

from __future__ import annotations

import math
import re
from typing import Any

_UNITS = {letter: 1 << (10 * power) for power, letter in enumerate("BKMGTPEZY")}
_WORDS = dict(zip("BKMGTPEZY", ("", "kilo", "mega", "giga", "tera", "peta", "exa", "zeta", "yotta")))


def logarithm(value: float, base: float = math.e) -> float:
    return math.log10(value) if base == 10 else math.log(value, base)


def power(value: float, exponent: float) -> float:
    return math.pow(value, exponent)


def root(value: float, base: float = 2) -> float:
    return math.sqrt(value) if base == 2 else math.pow(value, 1.0 / float(base))


def human_readable(size: float, isbits: bool = False, unit: str | None = None) -> str:
    """1536 is `1.50 KB`; with `unit` in that unit, with `isbits` counted in bits."""
    word = "bits" if isbits else "Bytes"
    letter = "B"
    for candidate, limit in reversed(_UNITS.items()):
        if size >= limit if unit is None else unit.upper() == candidate:
            letter = candidate
            break
    return f"{size / _UNITS[letter]:.2f} {word if letter == 'B' else letter + word[0]}"


def human_to_bytes(size: Any, default_unit: str | None = None, isbits: bool = False) -> int:
    """`2K` is 2048. Units of bytes end in a capital B, units of bits in a small b."""
    match = re.search(r"^([0-9]*\.?[0-9]+)(?:\s*([A-Za-z]+))?\s*$", str(size))
    if not match:
        raise ValueError(f"`{size}` is not a size")
    number, unit = float(match[1]), match[2] or default_unit
    if unit is None:
        return round(number)
    letter = unit[0].upper()
    if letter not in _UNITS:
        raise ValueError(f"`{size}` has no known unit; there are {', '.join(_UNITS)}")
    if len(unit) > 1 and unit not in _spelled(letter, isbits) and unit.lower() != _word(letter, isbits):
        raise ValueError(f"`{size}` is not a size in {'bits' if isbits else 'bytes'}")
    return round(number * _UNITS[letter])


def _spelled(letter: str, isbits: bool) -> tuple[str, ...]:
    ending = "b" if isbits else "B"
    return (ending,) if letter == "B" else (letter + ending,)


def _word(letter: str, isbits: bool) -> str:
    return _WORDS[letter] + ("bit" if isbits else "byte")


FILTERS = {
    "log": logarithm,
    "pow": power,
    "root": root,
    "human_readable": human_readable,
    "human_to_bytes": human_to_bytes,
}
