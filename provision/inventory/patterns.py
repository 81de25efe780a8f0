"""Ansible's host patterns: groups and hosts joined by `,` or `:`, cut by `&` and `!`, globs, `~regex`, `group[0:2]`."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from provision.errors import UsageProblem
from provision.inventory.addresses import is_address
from provision.inventory.documents import read_text
from provision.inventory.places import is_file

_SUBSCRIPT = re.compile(r"^(.+)\[(?:(-?[0-9]+)|([0-9]+)([:-])([0-9]*))\]$")
_WORD = re.compile(r"(?:[^\s:\[\]]|\[[^\]]*\])+")


def split(pattern: str | Sequence[str]) -> list[str]:
    """The single words of a pattern. A colon separates only where the whole is not one host with a port or a range."""
    if not isinstance(pattern, str):
        return [word for part in pattern for word in split(str(part))]
    if "," in pattern:
        words = pattern.split(",")
    elif is_address(pattern):
        words = [pattern]
    else:
        words = _WORD.findall(pattern)
    return [word.strip() for word in words if word.strip()]


def ordered(words: Iterable[str]) -> list[str]:
    """Unions first, then intersections, then exclusions; without any union, from all hosts."""
    given = list(words)
    kept = [word for word in given if word[0] not in "!&"]
    return [*(kept or ["all"]), *(w for w in given if w[0] == "&"), *(w for w in given if w[0] == "!")]


def subscript(word: str) -> tuple[str, tuple[int, int | None] | None]:
    """`web[1]` and `web[0:2]` without their brackets, and the chosen (start, end); end is inside, -1 is the last."""
    match = None if word.startswith("~") else _SUBSCRIPT.match(word)
    if not match:
        return word, None
    pattern, index, start, _, end = match.groups()
    return (pattern, (int(index), None)) if index else (pattern, (int(start), int(end) if end else -1))


def matching(names: Iterable[str], expression: str) -> list[str]:
    """The names that an expression without modifiers means, in their order."""
    compiled = _compiled(expression)
    return [name for name in names if compiled.match(name)]


def _compiled(expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression[1:] if expression.startswith("~") else fnmatch.translate(expression))
    except re.error as error:
        raise UsageProblem(f"the host pattern `{expression}` is not a regular expression", str(error)) from error


def may_match_hosts(expression: str) -> bool:
    """Whether hosts are looked at although groups matched: a plain group name means the group alone."""
    return expression.startswith("~") or any(special in expression for special in ".?*[")


def limit_words(limit: str) -> list[str]:
    """The words of `--limit`; `@file` stands for the lines of a file."""
    words: list[str] = []
    for word in split(limit):
        words.extend(_lines(Path(word[1:])) if word.startswith("@") else [word])
    return words


def _lines(path: Path) -> list[str]:
    if not is_file(path):
        raise UsageProblem(f"--limit @{path}: there is no such file")
    return [line.strip() for line in read_text(path).splitlines() if line.strip()]
