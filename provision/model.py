"""The values that flow from every job to every view: a job is an iterator of these events.

A run of `create-vm`, `deploy`, `verify` or `play` yields events in the order things happen. Views, the journal and the
exit code consume the same stream; nothing calls back into a job. All values are frozen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["ok", "changed", "skipped", "failed", "unreachable", "missed"]
"""`missed`: measured below target. A dry run says `changed` for what it would change."""


@dataclass(frozen=True)
class Diff:
    """Before and after of one thing that a step changes; texts, or a line that stands for binary content."""

    before: str
    after: str
    before_header: str = "before"
    after_header: str = "after"


@dataclass(frozen=True)
class Problem:
    """What failed, why, and the next command. The fields of a ProvisionError, as a value."""

    what: str
    why: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the job begins: a play, or one of the three commands of a rehearsal."""

    title: str
    hosts: tuple[str, ...] = ()
    expected_s: float | None = None


@dataclass(frozen=True)
class Step:
    """One step begins on one host. `expected_s`: rough duration in seconds, when it is worth telling."""

    host: str
    title: str
    kind: Literal["task", "handler", "step"] = "step"
    expected_s: float | None = None


@dataclass(frozen=True)
class Output:
    """One line (without its line end) that a running step printed."""

    host: str
    title: str
    text: str
    stream: Literal["stdout", "stderr"] = "stdout"


@dataclass(frozen=True)
class Progress:
    """How far a running step is: `done` of `total` in `unit` (crates, bytes, streams)."""

    host: str
    title: str
    done: int
    total: int
    unit: str
    detail: str = ""


@dataclass(frozen=True)
class Result:
    """What became of one step on one host. `data` carries public values; a measured name ends in its unit.

    `ignored` and `rescued` say that a failure does not count (`ignore_errors`, a `rescue` section).
    `item` is the label of a loop's element when this Result stands for one element only.
    `aloud`: its data is there to be read (`debug`), however quiet other steps are.
    """

    host: str
    title: str
    status: Status
    seconds: float = 0.0
    data: Mapping[str, Any] = field(default_factory=dict)
    diffs: tuple[Diff, ...] = ()
    problem: Problem | None = None
    kind: Literal["task", "handler", "item", "step"] = "step"
    item: str = ""
    where: str = ""
    ignored: bool = False
    rescued: bool = False
    aloud: bool = False


@dataclass(frozen=True)
class Table:
    """A table for the reader; machines read the Summary instead. `verdicts` hold rows against targets."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    verdicts: tuple[Literal["good", "bad", "neutral"], ...] = ()


@dataclass(frozen=True)
class Note:
    """A sentence for the reader. `command`: the next command, ready to paste."""

    text: str
    command: str = ""
    level: Literal["info", "warning"] = "info"


@dataclass(frozen=True)
class Summary:
    """The job's own results, merged into the last JSON object. Names carry their unit (`ttfa_p50_ms`)."""

    data: Mapping[str, Any]


Event = Section | Step | Output | Progress | Result | Table | Note | Summary
Job = Iterator[Event]
