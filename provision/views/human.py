"""The view for a person at a terminal: what runs now is redrawn at the bottom, what is done stands above it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table as Grid
from rich.text import Text

from provision.model import Diff, Event, Note, Output, Problem, Progress, Result, Section, Step, Table
from provision.views.jsonlines import as_json
from provision.views.plain import diff_text, shown_data, worth_reading
from provision.views.tally import Counts
from provision.views.view import Look, Outcome
from provision.views.wording import duration, first_line, parts, printable, roughly

MARKS = {
    "ok": ("✓", "green"),
    "changed": ("~", "yellow"),
    "skipped": ("-", "bright_black"),
    "failed": ("✗", "red"),
    "unreachable": ("✗", "bright_red"),
    "missed": ("✗", "red"),
}
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
REDRAWS_PER_S = 8
"""How often the bottom is redrawn; fast enough to look alive, slow enough for a slow line."""


@dataclass(frozen=True)
class Running:
    """A step under way: what the bottom of the screen shows of it."""

    step: Step
    since: float
    progress: Progress | None = None
    last: str = ""


class HumanView:
    """The story goes to `stderr`, tables to `stdout`; between the two the redrawn part is taken away."""

    def __init__(
        self, look: Look, command: str, stdout: TextIO, stderr: TextIO, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._look = look
        self._command = command
        self._data = _console(stdout, look.color)
        self._story = _console(stderr, look.color)
        self._clock = clock
        self._running: dict[tuple[str, str], Running] = {}
        self._live: Live | None = None

    def show(self, event: Event) -> None:
        """Redraw, or print what stays."""
        match event:
            case Section():
                self._section(event)
            case Step():
                self._running[event.host, event.title] = Running(event, self._clock())
                self._show_live()
            case Output():
                self._output(event)
            case Progress():
                self._advance(event)
            case Result():
                self._result(event)
            case Table():
                self.close()
                self._data.print(table(event))
            case Note():
                self._note(event)
            case _:
                pass

    def end(self, outcome: Outcome) -> None:
        """The recap of a play, the problem, and one line that says how it went."""
        self.close()
        if self._command == "play" and outcome.hosts:
            self._story.print()
            self._story.print(recap(outcome))
        if outcome.problem:
            self._story.print(panel(outcome.problem))
        if outcome.hosts or outcome.exit_code:
            self._story.print(closing_line(outcome))

    def close(self) -> None:
        """Take the redrawn part away."""
        live, self._live = self._live, None
        if live:
            live.stop()

    def bottom(self) -> RenderableType:
        """What runs now: one row a step, its bar and its last line below."""
        running = list(self._running.values())  # the redrawing thread must not see it change
        room = max(1, (self._story.height - 4) // 2)
        rows = [self._row(one) for one in running[:room]]
        if hidden := running[room:]:
            rows.append(Text(f"  … and {len(hidden)} more", style="bright_black"))
        return Group(*rows)

    def _show_live(self) -> None:
        if self._live is None and self._story.is_terminal and not self._look.quiet:
            self._live = Live(
                get_renderable=self.bottom,
                console=self._story,
                refresh_per_second=REDRAWS_PER_S,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def _row(self, running: Running) -> RenderableType:
        now = self._clock() - running.since
        head = Text().append(f"{SPINNER[int(now * REDRAWS_PER_S) % len(SPINNER)]} ", style="cyan")
        head.append(f"{running.step.host}  ", style="bold").append(printable(running.step.title))
        expected = f" of {roughly(running.step.expected_s)}" if running.step.expected_s else ""
        head.append(f"  {duration(now)}{expected}", style="bright_black")
        head.truncate(self._story.width, overflow="ellipsis")
        below: list[RenderableType] = [head]
        if running.progress and running.progress.total:
            below.append(Padding(bar(running.progress), (0, 0, 0, 4)))
        elif running.last:
            line = Text(running.last, style="bright_black")
            line.truncate(self._story.width - 4, overflow="ellipsis")
            below.append(Padding(line, (0, 0, 0, 4)))
        return Group(*below)

    def _section(self, section: Section) -> None:
        if self._look.quiet:
            return
        title = Text().append(printable(section.title), style="bold")
        if section.hosts:
            title.append(f"  {', '.join(section.hosts[:5])}{' …' if len(section.hosts) > 5 else ''}", style="cyan")
        if section.expected_s:
            title.append(f"  {roughly(section.expected_s)}", style="bright_black")
        self._story.print()
        self._story.print(title)

    def _output(self, output: Output) -> None:
        text = printable(output.text)
        if self._look.verbosity:
            self._story.print(Text(f"    {output.host} │ {text}", style="bright_black"))
        key = (output.host, output.title)
        if key in self._running and text.strip():
            self._running[key] = replace(self._running[key], last=text.strip().rpartition("\n")[2])

    def _advance(self, progress: Progress) -> None:
        key = (progress.host, progress.title)
        running = self._running.get(key) or Running(Step(*key), self._clock())
        self._running[key] = replace(running, progress=progress)
        self._show_live()

    def _result(self, result: Result) -> None:
        if result.kind != "item":
            self._running.pop((result.host, result.title), None)
        if self._worth_a_line(result):
            self._story.print(result_line(result))
            self._tell_values(result)
        for diff in result.diffs:
            self._story.print(Padding(colored_diff(diff), (0, 0, 0, 4), expand=False))
        if result.problem and result.kind != "item" and not self._look.quiet:
            self._story.print(panel(result.problem))

    def _tell_values(self, result: Result) -> None:
        """What `debug` says is there to be read; the values of other tasks are told with -v."""
        data = shown_data(result)
        if worth_reading(result, self._look.verbosity):
            text = json.dumps(as_json(data), ensure_ascii=False, sort_keys=True, indent=4 if result.aloud else None)
            message = data.get("msg")
            told = Text(printable(message if result.aloud and isinstance(message, str) else text), style="bright_black")
            self._story.print(Padding(told, (0, 0, 0, 4), expand=False))

    def _worth_a_line(self, result: Result) -> bool:
        """What went wrong always; what changed and what is well unless quiet; elements and skipped ones with -v."""
        if result.status in ("failed", "unreachable", "missed"):
            return True
        if self._look.quiet:
            return False
        return self._look.verbosity > 0 or not (result.kind == "item" or result.status == "skipped")

    def _note(self, note: Note) -> None:
        if self._look.quiet and note.level != "warning":
            return
        text = (
            Text().append("warning: " if note.level == "warning" else "", style="yellow").append(printable(note.text))
        )
        self._story.print(text)
        if note.command:
            self._story.print(Text(f"    {note.command}", style="cyan"), soft_wrap=True)


def _console(stream: TextIO, color: bool) -> Console:
    return Console(file=stream, highlight=False, markup=False, emoji=False, no_color=not color)


def result_line(result: Result) -> Text:
    """Mark, word, host, title, time: the colour repeats what mark and word say."""
    mark, color = MARKS[result.status]
    line = Text().append(f"{mark} {result.status:<11}", style=color).append(f" {result.host}  ", style="bold")
    line.append(printable(result.title))
    if result.item:
        line.append(f" (item={printable(result.item)})", style="bright_black")
    if result.seconds >= 0.95:
        line.append(f"  {duration(result.seconds)}", style="bright_black")
    if result.ignored:
        line.append("  ignored", style="cyan")
    if result.rescued:
        line.append("  rescued", style="cyan")
    return line


def bar(progress: Progress) -> RenderableType:
    """A bar, and its figures in words."""
    done = min(progress.done, progress.total)
    figures = Text(f"{progress.done}/{progress.total} {progress.unit}")
    if progress.detail:
        figures.append(f"  {printable(progress.detail)}", style="bright_black")
    grid = Grid.grid(padding=(0, 1))
    grid.add_column(width=30)
    grid.add_column(no_wrap=True, overflow="ellipsis")
    grid.add_row(ProgressBar(total=progress.total, completed=done, width=30), figures)
    return grid


def table(told: Table) -> Grid:
    """A table; bad rows are red and say so."""
    grid = Grid(title=told.title or None, title_justify="left", title_style="bold", box=None, pad_edge=False)
    judged = any(verdict != "neutral" for verdict in told.verdicts)
    for column in (*told.columns, *([""] if judged else [])):
        grid.add_column(column, header_style="bright_black", overflow="fold")
    verdicts = (*told.verdicts, *("neutral",) * (len(told.rows) - len(told.verdicts)))
    words = {"good": Text("✓", style="green"), "bad": Text("✗ below target", style="red"), "neutral": Text("")}
    for row, verdict in zip(told.rows, verdicts):
        cells: list[Text] = [Text(printable(cell)) for cell in row]
        grid.add_row(*cells, *([words[verdict]] if judged else []), style="red" if verdict == "bad" else "")
    return grid


def panel(problem: Problem) -> RenderableType:
    """What failed, why, and what to do next."""
    grid = Grid.grid(padding=(0, 2))
    grid.add_column(style="bright_black", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, line in parts(problem):
        grid.add_row(label, Text(line, style="cyan" if label == "next" else ""))
    title = Text().append("error: ", style="bold red").append(first_line(problem))
    inside: list[RenderableType] = [title, *([grid] if grid.rows else [])]
    return Panel(Group(*inside), border_style="red", expand=False)


def colored_diff(diff: Diff) -> Text:
    """A unified diff, added lines green, removed ones red."""
    shades = {"+": "green", "-": "red", "@": "cyan"}
    text = Text()
    for line in diff_text(diff).splitlines(keepends=True):
        text.append(line, style=shades.get(line[0], ""))
    text.rstrip()
    return text


def recap(outcome: Outcome) -> RenderableType:
    """How many steps went which way, a host a row; columns that are zero everywhere are left out."""
    names = ["ok", "changed", "unreachable", "failed", "skipped", "rescued", "ignored"]
    used = [name for name in names if any(getattr(counts, name) for counts in outcome.hosts.values())]
    grid = Grid(box=None, pad_edge=False, title="Recap", title_justify="left", title_style="bold")
    grid.add_column("host", header_style="bright_black")
    for name in used:
        grid.add_column(name, header_style="bright_black", justify="right")
    for host in sorted(outcome.hosts):
        counts = outcome.hosts[host]
        grid.add_row(Text(host, style=_state(counts)), *(str(getattr(counts, name)) for name in used))
    return grid


def _state(counts: Counts) -> str:
    if counts.failed or counts.unreachable or counts.missed:
        return "red"
    return "yellow" if counts.changed else "green"


def closing_line(outcome: Outcome) -> Text:
    """The last line: how it went, how long it took, how much was changed."""
    well = outcome.exit_code in (0, 3)
    line = Text().append("✓ " if well else "✗ ", style="green" if well else "red")
    line.append(f"{outcome.command} {_ENDINGS.get(outcome.exit_code, 'failed')}", style="bold")
    line.append(f" in {duration(outcome.seconds)}")
    for word in _totals(outcome):
        line.append(f", {word}")
    return line


_ENDINGS = {0: "done", 3: "done", 4: "did not reach its target", 5: "measured below target", 130: "interrupted"}


def _totals(outcome: Outcome) -> Iterator[str]:
    names = ("changed", "failed", "unreachable", "missed")
    totals = {name: sum(getattr(counts, name) for counts in outcome.hosts.values()) for name in names}
    if outcome.hosts and not any(totals.values()):
        yield "nothing had to change"
    yield from (f"{number} {name}" for name, number in totals.items() if number)
