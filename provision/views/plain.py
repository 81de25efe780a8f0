"""The view for pipes and logs: lines as Ansible writes them, in the order things happen, nothing redrawn."""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

import click

from provision.model import Diff, Event, Note, Output, Problem, Progress, Result, Section, Step, Table
from provision.views.jsonlines import as_json
from provision.views.tally import Counts
from provision.views.view import Look, Outcome
from provision.views.wording import duration, first_line, printable, problem_text, roughly

COLUMNS = 79
PROGRESS_EVERY_S = 10.0
WORTH_TELLING_S = 10.0


@dataclass
class _Banner:
    """The banner last printed, and the hosts whose result already stands below it."""

    key: tuple[str, str] = ("", "")
    told: set[str] = field(default_factory=set)


class PlainView:
    """Prints banners for tasks and one line a result.

    The Ansible-like text is what `play` is asked for and goes to `stdout`; of other commands only the tables are.
    """

    def __init__(
        self, look: Look, command: str, stdout: TextIO, stderr: TextIO, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._look = look
        self._command = command
        self._stdout = stdout
        self._stderr = stderr
        self._story = stdout if command == "play" else stderr
        self._clock = clock
        self._section: Section | None = None
        self._banner = _Banner()
        self._open: dict[tuple[str, str], str] = {}
        self._looping: set[tuple[str, str]] = set()
        self._progress_told: dict[tuple[str, str], float] = {}

    def show(self, event: Event) -> None:
        """Print what this event is worth at this verbosity."""
        match event:
            case Section():
                self._head()
                self._section = event
            case Step():
                self._begin(event)
            case Output():
                self._output(event)
            case Progress():
                self._progress(event)
            case Result():
                self._result(event)
            case Table():
                self._head()
                self._line(self._stdout, table_text(event))
            case Note():
                self._note(event)
            case _:
                pass

    def end(self, outcome: Outcome) -> None:
        """The recap of a play, and the problem that stopped the command, if one did."""
        self._head()
        if self._command == "play" and outcome.hosts:
            self._line(self._stdout, banner("PLAY RECAP"))
            for host in sorted(outcome.hosts):
                self._line(self._stdout, recap_line(host, outcome.hosts[host], self._look.color))
        if outcome.problem:
            self._line(self._stderr, error_text(outcome.problem, self._look.color))

    def close(self) -> None:
        """Nothing is held."""

    def _line(self, stream: TextIO, text: str, color: str = "") -> None:
        stream.write((click.style(text, fg=color) if color and self._look.color else text) + "\n")
        stream.flush()

    def _head(self, kind: str = "step") -> None:
        """Print the section that began; only its first step says whether it is a play."""
        section, self._section = self._section, None
        if section is None or self._look.quiet:
            return
        if kind == "step" and self._command != "play":
            expected = f" ({roughly(section.expected_s)})" if section.expected_s else ""
            self._line(self._story, f"\n== {section.title}{expected}")
        else:
            self._line(self._story, banner(f"PLAY [{section.title}]"))
            if not section.hosts:
                self._line(self._story, "skipping: no hosts matched", "cyan")
        self._banner = _Banner()

    def _begin(self, step: Step) -> None:
        self._head(step.kind)
        self._open[step.host, step.title] = step.kind
        if step.kind == "step":
            if (step.expected_s or 0) >= WORTH_TELLING_S and not self._look.quiet:
                self._line(self._story, f"begin: [{step.host}] {step.title} ({roughly(step.expected_s or 0)})")
        elif all(key == (step.title, step.kind) for key in self._tasks_under_way()):
            self._task_banner(step.host, step.title, step.kind)

    def _tasks_under_way(self) -> Iterator[tuple[str, str]]:
        """Titles and kinds of the tasks that hosts are at: with more than one, banners wait for results."""
        return ((title, kind) for (_, title), kind in self._open.items())

    def _task_banner(self, host: str, title: str, kind: str) -> None:
        """Print the task's banner unless this host's line belongs below the last one."""
        if self._banner.key == (title, kind) and host not in self._banner.told:
            return
        self._banner = _Banner((title, kind))
        if not self._look.quiet:
            word = "RUNNING HANDLER" if kind == "handler" else "TASK"
            self._line(self._story, banner(f"{word} [{printable(title)}]"))

    def _output(self, output: Output) -> None:
        if self._look.verbosity:
            self._line(self._story, f"  | [{output.host}] {printable(output.text)}")

    def _progress(self, progress: Progress) -> None:
        """Now and then, so that minutes of work do not look like a hang and a log stays readable."""
        key, now = (progress.host, progress.title), self._clock()
        if self._look.quiet or now - self._progress_told.setdefault(key, now) < PROGRESS_EVERY_S:
            return
        self._progress_told[key] = now
        detail = f" ({printable(progress.detail)})" if progress.detail else ""
        self._line(self._story, f"  | [{progress.host}] {progress.done}/{progress.total} {progress.unit}{detail}")

    def _result(self, result: Result) -> None:
        kind = self._kind_of(result)
        self._head(kind)
        if kind != "step":
            self._task_banner(result.host, result.title, kind)
            if result.kind != "item":
                self._banner.told.add(result.host)
        for diff in result.diffs:
            self._line(self._story, diff_text(diff, self._look.color))
        if self._worth_a_line(result):
            self._line(self._story, self._result_text(result), _COLORS[result.status])
        if result.problem and result.kind != "item":
            self._problem_of(result.problem)
        if result.ignored:
            self._line(self._story, "...ignoring", "cyan")

    def _kind_of(self, result: Result) -> str:
        """The kind of the step that this result belongs to; an element of a loop does not say it itself."""
        key = (result.host, result.title)
        if result.kind != "item":
            return self._open.pop(key, None) or result.kind
        self._looping.add(key)
        return "handler" if self._open.get(key) == "handler" else "task"

    def _worth_a_line(self, result: Result) -> bool:
        """Of a loop the elements have said it all, unless it was skipped; quiet keeps what went wrong."""
        key = (result.host, result.title)
        if result.kind != "item" and key in self._looping:
            self._looping.discard(key)
            return result.status == "skipped" and not self._look.quiet
        return not self._look.quiet or result.status in ("failed", "unreachable", "missed")

    def _result_text(self, result: Result) -> str:
        """One line, worded as Ansible does; steps that are no tasks carry their own title."""
        host = f"[{result.host}]"
        if result.kind == "step":
            took = f" ({duration(result.seconds)})" if result.seconds >= 0.05 else ""
            return f"{result.status}: {host} {printable(result.title)}{took}"
        aloud = worth_reading(result, self._look.verbosity)
        spread = 4 if result.aloud or self._look.verbosity > 2 else None
        values = printable(json.dumps(as_json(shown_data(result)), ensure_ascii=False, sort_keys=True, indent=spread))
        item = f"(item={printable(result.item)})"
        match result.status, result.kind:
            case "failed", "item":
                return f"failed: {host} {item} => {values}"
            case "failed" | "missed", _:
                return f"fatal: {host}: FAILED! => {values}"
            case "unreachable", _:
                return f"fatal: {host}: UNREACHABLE! => {values}"
        word = "skipping" if result.status == "skipped" else result.status
        told = f" => {item}" if result.kind == "item" else ""
        return f"{word}: {host}{told} => {values}" if aloud else f"{word}: {host}{told}"

    def _problem_of(self, problem: Problem) -> None:
        self._line(self._story, f"  error: {first_line(problem)}")
        if text := problem_text(problem, indent="    "):
            self._line(self._story, text)

    def _note(self, note: Note) -> None:
        if self._look.quiet and note.level != "warning":
            return
        self._head()
        self._line(self._story, f"{'warning' if note.level == 'warning' else 'note'}: {printable(note.text)}")
        if note.command:
            self._line(self._story, f"    {note.command}")


def worth_reading(result: Result, verbosity: int) -> bool:
    """Whether to show the values: of `debug` always, of a host's facts never (as in Ansible), of others with -v."""
    facts = result.data.get("ansible_facts")
    if isinstance(facts, Mapping) and facts.get("module_setup"):
        return False
    return bool(result.data) and (result.aloud or verbosity > 0)


def shown_data(result: Result) -> Mapping[str, Any]:
    """The values worth reading, as in Ansible: never `failed`, which the line says, and of `debug` not `changed`."""
    left_out = ("failed", "changed") if result.aloud else ("failed",)
    return {name: value for name, value in result.data.items() if name not in left_out}


_COLORS = {
    "ok": "green",
    "changed": "yellow",
    "skipped": "cyan",
    "failed": "red",
    "unreachable": "bright_red",
    "missed": "red",
}


def banner(text: str) -> str:
    """Ansible's heading: an empty line, the text, and stars up to the edge."""
    return f"\n{text} {'*' * max(3, COLUMNS - len(text))}"


def recap_line(host: str, counts: Counts, color: bool = False) -> str:
    """Ansible's recap line, to the column."""
    state = "red" if counts.failed or counts.unreachable else "yellow" if counts.changed else "green"
    name = f"{click.style(host, fg=state):<35}" if color else f"{host:<26}"
    figures = {
        "ok": (counts.ok, "green"),
        "changed": (counts.changed, "yellow"),
        "unreachable": (counts.unreachable, "bright_red"),
        "failed": (counts.failed, "red"),
        "skipped": (counts.skipped, "cyan"),
        "rescued": (counts.rescued, "green"),
        "ignored": (counts.ignored, "magenta"),
    }
    told = (_figure(word, number, shade if color else "") for word, (number, shade) in figures.items())
    return f"{name} : {' '.join(told)}"


def _figure(word: str, number: int, color: str) -> str:
    text = f"{word}={number:<4}"
    return click.style(text, fg=color) if number and color else text


def diff_text(diff: Diff, color: bool = False) -> str:
    """A unified diff as Ansible prints it."""
    old, new = _header("before", diff.before_header), _header("after", diff.after_header)
    lines = difflib.unified_diff(_lines(diff.before), _lines(diff.after), old, new)
    shades = {"+": "green", "-": "red", "@": "cyan"}
    return "".join(click.style(line, fg=shades[line[0]]) if color and line[0] in shades else line for line in lines)


def _header(side: str, header: str) -> str:
    return side if header == side else f"{side}: {header}"


def _lines(text: str) -> list[str]:
    lines = printable(text).splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n\\ No newline at end of file\n"
    return lines


def table_text(table: Table) -> str:
    """The table with aligned columns; a bad row says so in words."""
    rows = [tuple(printable(cell) for cell in row) for row in (table.columns, *table.rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(table.columns))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)) for row in rows]
    for number, verdict in enumerate(table.verdicts, start=1):
        if verdict == "bad":
            lines[number] += "  below target"
    heading = [table.title] if table.title else []
    return "\n".join(line.rstrip() for line in (*heading, *lines))


def error_text(problem: Problem, color: bool = False) -> str:
    """What the operator reads when a command stopped: error, what, why, next."""
    error = click.style("error:", fg="red", bold=True) if color else "error:"
    text = problem_text(problem)
    return f"{error} {first_line(problem)}" + (f"\n{text}" if text else "")
