"""The view for people: what runs now at the bottom, what is done above, tables on stdout."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from provision.model import Event, Note, Output, Problem, Progress, Result, Section, Step, Table
from provision.views.human import HumanView
from provision.views.tally import Tally
from provision.views.view import Look, Outcome

from .snapshot import same_as_snapshot
from .streams import PLAY, VERIFY

HERE = Path(__file__).parent


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def a_terminal_of_100_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


def shown(
    events: Iterable[Event],
    command: str = "play",
    look: Look | None = None,
    problem: Problem | None = None,
    streams: tuple[io.StringIO, io.StringIO] | None = None,
) -> tuple[str, str]:
    """What stays on stdout and on stderr; streams that are no terminal get no redrawing."""
    stdout, stderr = streams or (io.StringIO(), io.StringIO())
    view = HumanView(look or Look("human"), command, stdout, stderr, clock=lambda: 0.0)
    tally = Tally()
    for event in events:
        tally.add(event)
        view.show(event)
    view.end(Outcome(command, tally.exit_code or (2 if problem else 0), 83.0, problem, tally.data, tally.hosts))
    return stdout.getvalue(), stderr.getvalue()


def drawn(bottom: RenderableType) -> list[str]:
    console = Console(file=io.StringIO(), width=100, color_system=None)
    console.print(bottom)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("name", "look"),
    [
        ("human-play", Look("human")),
        ("human-play-verbose", Look("human", verbosity=1)),
        ("human-play-quiet", Look("human", quiet=True)),
    ],
)
def test_a_play_looks_as_stored(name: str, look: Look) -> None:
    stdout, stderr = shown(PLAY, look=look)
    assert stdout == ""
    assert same_as_snapshot(HERE, name, stderr)


def test_a_measurement_puts_its_table_on_stdout() -> None:
    stdout, stderr = shown(VERIFY, "verify")
    assert same_as_snapshot(HERE, "human-verify-stdout", stdout)
    assert same_as_snapshot(HERE, "human-verify-story", stderr)


def test_colour_never_carries_the_meaning_alone() -> None:
    _, stderr = shown(
        [Result("h", status, status) for status in ("ok", "changed", "failed", "unreachable", "missed")], "deploy"
    )
    for word in ("✓ ok", "~ changed", "✗ failed", "✗ unreachable", "✗ missed"):
        assert word in stderr


def test_what_runs_is_drawn_with_time_expectation_and_last_line() -> None:
    now = [0.0]
    view = HumanView(Look("human"), "deploy", io.StringIO(), io.StringIO(), clock=lambda: now[0])
    view.show(Step("tts-1", "Compile moshi-server", expected_s=240))
    view.show(Output("tts-1", "Compile moshi-server", "Compiling serde v1.0\n\n"))
    now[0] = 65.0
    assert drawn(view.bottom()) == [
        "⠋ tts-1  Compile moshi-server  1 min 05 s of about 4 min",
        "    Compiling serde v1.0",
    ]


def test_progress_is_drawn_as_a_bar_with_figures() -> None:
    view = HumanView(Look("human"), "deploy", io.StringIO(), io.StringIO(), clock=lambda: 0.0)
    view.show(Step("tts-1", "Compile"))
    view.show(Progress("tts-1", "Compile", 155, 310, "crates", "serde"))
    bottom = drawn(view.bottom())
    assert "155/310 crates  serde" in bottom[1]
    assert bottom[1].count("━") in (15, 30)  # rich draws the rest of the bar only in colour


def test_progress_beyond_its_total_breaks_nothing() -> None:
    view = HumanView(Look("human"), "deploy", io.StringIO(), io.StringIO(), clock=lambda: 0.0)
    view.show(Progress("h", "t", 12, 10, "crates"))
    assert "12/10 crates" in drawn(view.bottom())[1]
    view.show(Progress("h", "t", 0, 0, "bytes"))
    assert len(drawn(view.bottom())) == 1


def test_a_finished_step_is_drawn_no_more() -> None:
    view = HumanView(Look("human"), "deploy", io.StringIO(), io.StringIO(), clock=lambda: 0.0)
    view.show(Step("a", "t"))
    view.show(Step("b", "t"))
    view.show(Result("a", "t", "ok", kind="item", item="x"))
    assert len(drawn(view.bottom())) == 2
    view.show(Result("a", "t", "ok"))
    assert [line.split()[1] for line in drawn(view.bottom())] == ["b"]


def test_more_hosts_than_lines_are_counted() -> None:
    view = HumanView(Look("human"), "deploy", io.StringIO(), io.StringIO(), clock=lambda: 0.0)
    for number in range(200):
        view.show(Step(f"h{number}", "t"))
    bottom = drawn(view.bottom())
    assert len(bottom) < 24
    assert bottom[-1] == f"  … and {200 - len(bottom) + 1} more"


def test_long_lines_are_cut_and_not_wrapped() -> None:
    view = HumanView(Look("human"), "deploy", io.StringIO(), io.StringIO(), clock=lambda: 0.0)
    view.show(Step("h", "t" * 300))
    view.show(Output("h", "t" * 300, "x" * 5000))
    assert len(drawn(view.bottom())) == 2


def test_on_a_terminal_the_bottom_is_redrawn_and_taken_away() -> None:
    before = set(threading.enumerate())
    stderr = Terminal()
    shown([Step("h", "compile"), Result("h", "compile", "ok")], "deploy", streams=(Terminal(), stderr))
    assert "\x1b[?25l" in stderr.getvalue()
    assert stderr.getvalue().rindex("\x1b[?25h") > stderr.getvalue().rindex("\x1b[?25l")
    for thread in set(threading.enumerate()) - before:
        thread.join(2)
        assert not thread.is_alive()


def test_closing_gives_the_terminal_back_and_may_be_repeated() -> None:
    stderr = Terminal()
    view = HumanView(Look("human"), "deploy", Terminal(), stderr)
    view.show(Step("h", "compile"))
    view.close()
    view.close()
    assert stderr.getvalue().count("\x1b[?25h") == 1


def test_a_table_is_not_drawn_over_by_what_runs() -> None:
    both = Terminal()
    view = HumanView(Look("human"), "verify", both, both)
    view.show(Step("h", "measure"))
    view.show(Table("T", ("a",), (("1",),)))
    assert both.getvalue().rindex("\x1b[?25h") < both.getvalue().rindex("T")


def test_no_colour_means_no_colour_codes() -> None:
    stderr = Terminal()
    shown([Result("h", "t", "failed", problem=Problem("x"))], "deploy", Look("human"), streams=(Terminal(), stderr))
    assert "\x1b[31m" not in stderr.getvalue()
    coloured = Terminal()
    shown([Result("h", "t", "failed")], "deploy", Look("human", color=True), streams=(Terminal(), coloured))
    assert "\x1b[31m" in coloured.getvalue()


def test_text_from_hosts_is_neither_markup_nor_escape() -> None:
    _, stderr = shown(
        [
            Result("h", "[red]t[/red] \x1b[2J", "failed", problem=Problem("[bold]x[/] \x1b[2J", "[/nope]")),
            Note("[link=x]y", "cmd [0]"),
        ],
        "deploy",
    )
    assert "[red]t[/red]" in stderr and "[bold]x[/]" in stderr and "[/nope]" in stderr and "[link=x]y" in stderr
    assert "\x1b" not in stderr


def test_commands_to_paste_are_not_broken_over_lines() -> None:
    long = "ssh " + "-o Option=value " * 20 + "host"
    assert f"    {long}\n" in shown([Note("next", long)], "create-vm")[1]


def test_the_end_tells_what_had_to_change() -> None:
    assert "✓ deploy done in 1 min 23 s, nothing had to change" in shown([Result("h", "t", "ok")], "deploy")[1]
    assert "✓ deploy done in 1 min 23 s, 1 changed" in shown([Result("h", "t", "changed")], "deploy")[1]
    assert "✗ verify measured below target in 1 min 23 s, 1 missed" in shown([Result("h", "t", "missed")], "verify")[1]
    assert "✗ play failed in 1 min 23 s, 1 failed" in shown([Result("h", "t", "failed")])[1]


def test_a_command_that_was_stopped_says_why_and_what_next() -> None:
    _, stderr = shown([Section("s")], "deploy", problem=Problem("no such host", "a typo", "provision list"))
    assert "error: no such host" in stderr and "why   a typo" in stderr and "next  provision list" in stderr
    assert "✗ deploy failed" in stderr
