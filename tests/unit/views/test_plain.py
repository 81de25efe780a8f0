"""The plain view writes what Ansible writes, byte for byte where tools read it."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import pytest
from ansible.plugins.callback import CallbackBase
from ansible.utils import color as ansible_color

from provision.model import Diff, Event, Note, Output, Problem, Progress, Result, Section, Step, Table
from provision.views.plain import PlainView, banner, diff_text, error_text, recap_line, table_text
from provision.views.tally import Counts, Tally
from provision.views.view import Look, Outcome

from .snapshot import same_as_snapshot
from .streams import PLAY, VERIFY

HERE = Path(__file__).parent


def written(
    events: Iterable[Event], command: str = "play", look: Look | None = None, problem: Problem | None = None
) -> tuple[str, str]:
    """What goes to stdout and to stderr."""
    stdout, story = io.StringIO(), io.StringIO()
    view = PlainView(look or Look(), command, stdout, story, clock=lambda: 0.0)
    tally = Tally()
    for event in events:
        tally.add(event)
        view.show(event)
    view.end(Outcome(command, tally.exit_code, 1.0, problem, tally.data, tally.hosts))
    view.close()
    return stdout.getvalue(), story.getvalue()


@pytest.mark.parametrize(
    ("name", "look"),
    [
        ("plain-play", Look()),
        ("plain-play-verbose", Look(verbosity=1)),
        ("plain-play-quiet", Look(quiet=True)),
        ("plain-play-color", Look(color=True)),
    ],
)
def test_a_play_looks_as_stored(name: str, look: Look) -> None:
    assert same_as_snapshot(HERE, name, written(PLAY, look=look)[0])


def test_a_measurement_puts_its_table_on_stdout_and_its_story_elsewhere() -> None:
    stdout, story = written(VERIFY, "verify")
    assert same_as_snapshot(HERE, "plain-verify-stdout", stdout)
    assert same_as_snapshot(HERE, "plain-verify-story", story)


def ansibles_recap(host: str, t: dict[str, int]) -> str:
    """The very format of ansible-core's default callback (plugins/callback/default.py, v2_playbook_on_stats)."""
    return "%s : %s %s %s %s %s %s %s" % (  # noqa: UP031 - Ansible's own line
        ansible_color.hostcolor(host, t, False),
        ansible_color.colorize("ok", t["ok"], None),
        ansible_color.colorize("changed", t["changed"], None),
        ansible_color.colorize("unreachable", t["unreachable"], None),
        ansible_color.colorize("failed", t["failures"], None),
        ansible_color.colorize("skipped", t["skipped"], None),
        ansible_color.colorize("rescued", t["rescued"], None),
        ansible_color.colorize("ignored", t["ignored"], None),
    )


@pytest.mark.parametrize("host", ["h", "a-host-whose-name-is-longer-than-the-column", "tts-1.example.org"])
@pytest.mark.parametrize("number", [0, 7, 12345])
def test_the_recap_line_is_ansibles_to_the_byte(host: str, number: int) -> None:
    counts = Counts(number, 1, 2, 3, 4, 5, 6)
    theirs = {"ok": number, "changed": 1, "unreachable": 2, "failures": 3, "skipped": 4, "rescued": 5, "ignored": 6}
    assert recap_line(host, counts) == ansibles_recap(host, theirs)


def test_a_play_ends_with_the_recap_of_its_hosts_in_order() -> None:
    lines = written(PLAY)[0].splitlines()
    assert lines[-3] == "PLAY RECAP " + "*" * 69
    assert [line.split()[0] for line in lines[-2:]] == ["tts-1", "tts-2"]


def test_other_commands_have_no_recap() -> None:
    assert "RECAP" not in "".join(written(VERIFY, "verify"))


def test_a_coloured_recap_keeps_its_columns() -> None:
    import click

    counts = Counts(1, 2, 3, 4, 5, 6, 7)
    assert click.unstyle(recap_line("h", counts, color=True)) == recap_line("h", counts)


@pytest.mark.parametrize("text", ["PLAY [x]", "TASK [" + "long " * 30 + "]", "PLAY RECAP"])
def test_banners_have_ansibles_stars(text: str) -> None:
    heading, _, stars = banner(text).removeprefix("\n").rpartition(" ")
    assert heading == text
    assert set(stars) == {"*"}
    assert len(stars) == max(3, 79 - len(text))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\nb\nc\n", "a\nB\nc\n"),
        ("", "new\n"),
        ("gone\n", ""),
        ("no end", "no end\n"),
        ("x\n" * 30, "x\n" * 15 + "y\n" + "x\n" * 15),
    ],
)
def test_a_diff_is_ansibles(before: str, after: str) -> None:
    theirs = CallbackBase()._get_diff(
        {"before": before, "after": after, "before_header": "/etc/a", "after_header": "/tmp/b"}
    )
    assert diff_text(Diff(before, after, "/etc/a", "/tmp/b")) + "\n" == theirs


def test_a_diff_without_headers_has_ansibles() -> None:
    theirs = CallbackBase()._get_diff({"before": "a\n", "after": "b\n"})
    assert diff_text(Diff("a\n", "b\n")) + "\n" == theirs


def test_a_diff_of_equal_texts_prints_nothing() -> None:
    same = Result("h", "t", "ok", kind="task", diffs=(Diff("a", "a"),))
    assert "\n\n\n" not in written([Section("p", ("h",)), same])[0]


def test_tasks_with_the_same_title_one_after_the_other_have_a_banner_each() -> None:
    step, result = Step("h", "command", "task"), Result("h", "command", "ok", kind="task")
    assert written([Section("p", ("h",)), step, result, step, result])[0].count("TASK [command]") == 2


def test_two_hosts_side_by_side_share_one_banner() -> None:
    events = [
        Section("p", ("a", "b")),
        *(Step(host, "command", "task") for host in "ab"),
        *(Result(host, "command", "ok", kind="task") for host in "ab"),
    ]
    assert written(events)[0].count("TASK [command]") == 1


def test_a_long_task_is_announced_before_it_ends() -> None:
    assert "TASK [compile]" in written([Section("p", ("h",)), Step("h", "compile", "task")])[0]


def test_results_without_an_announced_step_get_their_banner() -> None:
    assert "TASK [t]" in written([Result("h", "t", "ok", kind="task")])[0]


def test_progress_is_told_now_and_then_and_not_at_every_step() -> None:
    now = iter([float(second) for second in range(100)])
    story = io.StringIO()
    view = PlainView(Look(), "deploy", io.StringIO(), story, clock=lambda: next(now))
    for done in range(35):
        view.show(Progress("h", "compile", done, 310, "crates", "serde"))
    assert story.getvalue().splitlines() == [f"  | [h] {done}/310 crates (serde)" for done in (10, 20, 30)]


def test_output_of_commands_is_shown_when_asked() -> None:
    said = Output("h", "t", "compiling \x1b[1mserde")
    assert "serde" not in written([said])[0]
    assert "  | [h] compiling serde" in written([said], look=Look(verbosity=1))[0]


def test_quiet_keeps_failures_and_warnings() -> None:
    events = [
        Result("h", "good", "changed", kind="task"),
        Result("h", "bad", "failed", kind="task", problem=Problem("it broke", "because", "mend it")),
        Note("by the way"),
        Note("look out", level="warning"),
    ]
    story = written(events, "deploy", Look(quiet=True))[1]
    assert "good" not in story and "by the way" not in story
    assert "fatal: [h]: FAILED!" in story and "next  mend it" in story and "warning: look out" in story


def test_what_stopped_the_command_is_told_last() -> None:
    story = written([], "deploy", problem=Problem("no such host", "a typo", "provision list"))[1]
    assert story == "error: no such host\n  why   a typo\n  next  provision list\n"


def test_a_play_that_was_stopped_tells_it_on_stderr() -> None:
    assert written(PLAY, problem=Problem("no such host"))[1] == "error: no such host\n"


def test_a_table_has_aligned_columns_and_says_bad_in_words() -> None:
    table = Table("T", ("a", "bb"), (("long cell", "1"), ("x", "2")), ("good", "bad"))
    assert table_text(table) == "T\na          bb\nlong cell  1\nx          2   below target"


def test_a_table_without_rows_still_has_its_heading() -> None:
    assert table_text(Table("", ("name", "state"), ())) == "name  state"


def test_the_error_may_be_coloured() -> None:
    assert error_text(Problem("x"), color=True).startswith("\x1b[31m\x1b[1merror:\x1b[0m x")


def test_a_loop_ends_with_its_elements_as_ansibles_does() -> None:
    events = [
        Step("h", "t", "task"),
        Result("h", "t", "changed", kind="item", item="a"),
        Result("h", "t", "failed", data={"msg": "no"}, kind="item", item="b"),
        Result("h", "t", "failed", data={"results": [1, 2]}, kind="task", problem=Problem("t failed on h", "no")),
    ]
    assert written(events)[0].splitlines()[2:6] == [
        "changed: [h] => (item=a)",
        'failed: [h] (item=b) => {"msg": "no"}',
        "  error: t failed on h",
        "    why   no",
    ]


def test_a_loop_whose_elements_were_all_skipped_is_skipped() -> None:
    events = [
        Result("h", "t", "skipped", kind="item", item="a"),
        Result("h", "t", "skipped", kind="task"),
    ]
    assert written(events)[0].splitlines()[2:4] == ["skipping: [h] => (item=a)", "skipping: [h]"]


def test_a_looping_handler_keeps_its_word() -> None:
    events = [Step("h", "t", "handler"), Result("h", "t", "ok", kind="item", item="a"), Result("h", "t", "ok")]
    assert written(events)[0].count("RUNNING HANDLER [t]") == 1
    assert "TASK" not in written(events)[0]


def test_a_play_that_means_nobody_says_so() -> None:
    assert "PLAY [p] " in written([Section("p")])[0]
    assert written([Section("p")])[0].endswith("skipping: no hosts matched\n")


def test_data_cannot_steer_the_terminal() -> None:
    hostile = Result("h", "t\x1b[2J", "failed", data={"msg": "\x9b31m\x7f"}, kind="task")
    assert not set(written([hostile])[0]) & set("\x1b\x9b\x7f")


def test_the_facts_of_a_host_are_not_printed_even_when_verbose() -> None:
    facts = Result("h", "Gathering Facts", "ok", data={"ansible_facts": {"module_setup": True, "x": 1}}, kind="task")
    assert "ok: [h]\n" in written([facts], look=Look(verbosity=2))[0]
    own = Result("h", "set_fact", "ok", data={"ansible_facts": {"x": 1}}, kind="task")
    assert 'ok: [h] => {"ansible_facts": {"x": 1}}' in written([own], look=Look(verbosity=1))[0]
