"""How durations, problems and text from other machines are worded, the same in every view."""

from __future__ import annotations

import re
from collections.abc import Iterator

from provision.model import Problem

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """The text as a terminal may have it: without escape sequences; of a line redrawn with `\\r`, the last state."""
    lines = _ESCAPES.sub("", text).replace("\r\n", "\n").split("\n")
    return "\n".join(_CONTROLS.sub("", line.rstrip("\r").rpartition("\r")[2]) for line in lines)


def duration(seconds: float) -> str:
    """A measured duration: `0.3 s`, `12 s`, `4 min 05 s`, `1 h 02 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def roughly(seconds: float) -> str:
    """An expected duration: nobody promises the second."""
    if seconds < 60:
        return f"about {max(1, round(seconds))} s"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"


def parts(problem: Problem) -> Iterator[tuple[str, str]]:
    """The lines of a problem below its first one, each with its label (`what`, `why`, `next`) or an empty one."""
    rest = problem.what.partition("\n")[2]
    for label, text in (("what", rest), ("why", problem.why), ("next", problem.hint)):
        for number, line in enumerate(printable(text).strip("\n").split("\n") if text.strip() else ()):
            yield ("" if number else label), line


def first_line(problem: Problem) -> str:
    """The headline of a problem."""
    return printable(problem.what).partition("\n")[0]


def problem_text(problem: Problem, indent: str = "  ") -> str:
    """A problem as what, why and next; without a line end."""
    return "\n".join(f"{indent}{label:<5} {line}".rstrip() for label, line in parts(problem))
