"""The command line finds verbs, turns every ending into text and an exit code, and loads little for it."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

from provision import cli
from provision.commands.options import Output, finish, output_options
from provision.errors import BelowTarget, Interrupted, ProvisionError, Unreachable, UsageProblem
from provision.model import Job, Note, Result, Status, Summary

from ..views.snapshot import same_as_snapshot

HERE = Path(__file__).parent
CAPTURED = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("PROVISION_") and name != "PROVISION_SNAPSHOTS"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Puts a verb `inventory` with this body in the place of the real one."""

    def put(body: Any) -> None:
        module = ModuleType("provision.commands.inventory")

        @click.command("inventory")
        @output_options
        def command(output: Output) -> None:
            body(output)

        module.command = command  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "provision.commands.inventory", module)

    yield put


def last_object(capsys: CAPTURED) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return told


# --- help -----------------------------------------------------------------------------------------------------------


def test_help_shows_every_verb_with_its_summary(capsys: CAPTURED) -> None:
    assert cli.run(["--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    context = cli.group.make_context("provision", [], resilient_parsing=True)
    verbs = cli.group.list_commands(context)
    assert {"play", "inventory", "completion"} <= set(verbs)
    for summaries in cli.VERBS.values():
        for verb, summary in summaries.items():
            assert (f"{verb} " in shown and summary in shown) or verb not in verbs


def test_no_words_at_all_are_answered_with_the_help(capsys: CAPTURED) -> None:
    assert cli.run([]) == 0
    assert "Usage: provision" in capsys.readouterr().out


HEAVY = ("rich", "google", "fabric", "paramiko", "jinja2", "yaml", "docker", "numpy", "websockets", "starlette")


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["nonsense"], ["completion", "--help"]])
def test_help_loads_nothing_heavy(words: list[str], capsys: CAPTURED) -> None:
    before = dict(sys.modules)
    for name in before:
        if name.partition(".")[0] in ("provision", *HEAVY):
            del sys.modules[name]
    try:
        importlib.import_module("provision.cli").run(words)
        loaded = {name.partition(".")[0] for name in sys.modules}
        engines = {name for name in sys.modules if name.startswith(("provision.engine.", "provision.machines."))}
    finally:
        for name in set(sys.modules) - set(before):
            del sys.modules[name]
        sys.modules.update(before)
    assert not loaded & set(HEAVY)
    assert not engines


def all_verbs() -> list[str]:
    return cli.group.list_commands(cli.group.make_context("provision", [], resilient_parsing=True))


@pytest.mark.parametrize("verb", all_verbs())
def test_every_verb_loads_and_explains_itself(verb: str, capsys: CAPTURED) -> None:
    assert cli.run([verb, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: provision {verb}")


@pytest.mark.parametrize("verb", all_verbs())
def test_the_help_of_a_verb_looks_as_stored(verb: str, capsys: CAPTURED) -> None:
    assert cli.run([verb, "--help"]) == 0
    assert same_as_snapshot(HERE, f"help-{verb}", capsys.readouterr().out)


def test_every_module_with_a_command_is_in_the_table() -> None:
    table = {cli.module_name(verb) for verbs in cli.VERBS.values() for verb in verbs}
    modules = {path.stem for path in (Path(cli.__file__).parent / "commands").glob("*.py")}
    commands = {name for name in modules if hasattr(importlib.import_module(f"provision.commands.{name}"), "command")}
    assert commands <= table


def test_the_version_is_that_of_the_package(capsys: CAPTURED) -> None:
    from importlib.metadata import version

    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out == f"provision {version('provision')}\n"


# --- what is wrong with the words -----------------------------------------------------------------------------------


def test_an_unknown_verb_is_answered_with_the_nearest_one(capsys: CAPTURED) -> None:
    assert cli.run(["inventroy"]) == 2
    assert capsys.readouterr().err == (
        "error: there is no command `inventroy`\n"
        "  why   did you mean `inventory`?\n"
        "  next  provision inventory --help\n"
    )


def test_an_unknown_verb_like_nothing_is_answered_with_the_help(capsys: CAPTURED) -> None:
    assert cli.run(["xyzzy"]) == 2
    assert "next  provision --help" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["inventory", "--grap"], "--graph"),
        (["play"], "FILE..."),
        (["completion", "tcsh"], "tcsh"),
        (["--nonsense"], "--nonsense"),
        (["inventory", "-o", "yaml"], "yaml"),
    ],
)
def test_wrong_words_are_exit_2_with_a_hint(words: list[str], said: str, capsys: CAPTURED) -> None:
    assert cli.run(words) == 2
    error = capsys.readouterr().err
    assert said in error and "next  provision" in error and "Traceback" not in error


@pytest.mark.parametrize(
    "words",
    [
        ["inventory", "--nonsense", "-o", "json"],
        ["inventory", "-ojson", "--nonsense"],
        ["inventory", "--output=json", "--nonsense"],
        ["inventroy", "--output", "json"],
    ],
)
def test_wrong_words_end_in_an_object_when_json_was_asked_for(words: list[str], capsys: CAPTURED) -> None:
    assert cli.run(words) == 2
    end = last_object(capsys)
    assert (end["event"], end["command"], end["ok"], end["exit_code"]) == ("end", words[0], False, 2)
    assert set(end["error"]) == {"what", "why", "next"}


def test_json_may_be_asked_for_by_the_environment(capsys: CAPTURED, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISION_OUTPUT", "json")
    assert cli.run(["xyzzy"]) == 2
    assert last_object(capsys)["exit_code"] == 2


# --- how jobs end ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ProvisionError("w", "y", "n"), 1),
        (UsageProblem("w", "y", "n"), 2),
        (Unreachable("w", "y", "n"), 4),
        (BelowTarget("w", "y", "n"), 5),
        (Interrupted("w", "y", "n"), 130),
    ],
)
@pytest.mark.parametrize("inside", [True, False], ids=["inside the job", "before it"])
def test_every_error_has_its_exit_code_and_its_three_parts(
    error: ProvisionError, code: int, inside: bool, verb: Any, capsys: CAPTURED
) -> None:
    def job() -> Job:
        yield Summary({"machine": "m"})
        raise error

    def body(output: Output) -> None:
        if not inside:
            raise error
        finish(job(), "inventory", output)

    verb(body)
    assert cli.run(["inventory"]) == code
    assert capsys.readouterr().err == "error: w\n  why   y\n  next  n\n"
    assert cli.run(["inventory", "-o", "json"]) == code
    end = last_object(capsys)
    assert end["error"] == {"what": "w", "why": "y", "next": "n"}
    assert (end["ok"], end["exit_code"], end["command"]) == (False, code, "inventory")
    assert end.get("machine") == ("m" if inside else None)


@pytest.mark.parametrize(
    ("statuses", "code"),
    [(["ok"], 0), (["changed"], 0), (["missed"], 5), (["unreachable"], 4), (["failed", "unreachable"], 1), ([], 0)],
)
def test_results_give_the_exit_code(statuses: list[Status], code: int, verb: Any, capsys: CAPTURED) -> None:
    def job() -> Job:
        yield from (Result("h", str(number), status) for number, status in enumerate(statuses))

    verb(lambda output: finish(job(), "inventory", output))
    assert cli.run(["inventory", "-o", "json"]) == code
    end = last_object(capsys)
    assert (end["ok"], end["exit_code"]) == (code == 0, code)


@pytest.mark.parametrize(("status", "code"), [("ok", 0), ("changed", 3), ("failed", 1)])
def test_the_detailed_exit_code_tells_changes_apart(status: Status, code: int, verb: Any) -> None:
    job = iter([Result("h", "t", status)])
    verb(lambda output: finish(job, "inventory", output, detailed_exitcode=True))
    assert cli.run(["inventory"]) == code


def test_an_unexpected_exception_is_told_in_a_paragraph(verb: Any, capsys: CAPTURED) -> None:
    def body(output: Output) -> None:
        raise KeyError("lost")

    verb(body)
    assert cli.run(["inventory", "-v"]) == 1
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert "error: provision itself failed: KeyError: 'lost'" in error
    assert "test_cli.py:" in error
    assert "next  for the traceback: PROVISION_TRACEBACK=1 provision inventory -v" in error


def test_an_unexpected_exception_within_a_job_ends_in_an_object_too(verb: Any, capsys: CAPTURED) -> None:
    def job() -> Job:
        yield Note("so far so good")
        raise ZeroDivisionError("division by zero")

    verb(lambda output: finish(job(), "inventory", output))
    assert cli.run(["inventory", "-o", "json"]) == 1
    assert "ZeroDivisionError" in last_object(capsys)["error"]["what"]


def test_the_traceback_is_there_for_the_asking(verb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISION_TRACEBACK", "1")

    def body(output: Output) -> None:
        raise KeyError("lost")

    verb(body)
    with pytest.raises(KeyError):
        cli.run(["inventory"])


# --- Ctrl-C ---------------------------------------------------------------------------------------------------------


def test_an_interrupt_tells_what_the_command_says_about_it(verb: Any, capsys: CAPTURED) -> None:
    def job() -> Job:
        yield Note("working")
        raise KeyboardInterrupt

    verb(lambda output: finish(job(), "inventory", output, on_interrupt="the machine is left and costs money"))
    assert cli.run(["inventory"]) == 130
    assert capsys.readouterr().err == (
        "note: working\nerror: interrupted\n  why   the machine is left and costs money\n"
    )


def test_a_job_may_say_itself_what_is_left(verb: Any, capsys: CAPTURED) -> None:
    def job() -> Job:
        try:
            yield Note("working")
            raise KeyboardInterrupt
        except KeyboardInterrupt as interrupt:
            raise Interrupted("interrupted", "left: vm-1, 0.70 USD/h", "provision delete-vm vm-1") from interrupt

    verb(lambda output: finish(job(), "inventory", output))
    assert cli.run(["inventory", "-o", "json"]) == 130
    assert last_object(capsys)["error"] == {
        "what": "interrupted",
        "why": "left: vm-1, 0.70 USD/h",
        "next": "provision delete-vm vm-1",
    }


def test_an_interrupt_outside_the_job_is_thrown_into_it(
    verb: Any, capsys: CAPTURED, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C strikes anywhere, also while a view draws: the job cleans up all the same."""
    from provision.views.plain import PlainView

    def struck(view: PlainView, event: object) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    def job() -> Job:
        try:
            yield Note("working")
        except KeyboardInterrupt:
            yield Note("cleaning up")
            raise Interrupted("interrupted", "nothing is left") from None

    monkeypatch.setattr(PlainView, "show", struck)
    verb(lambda output: finish(job(), "inventory", output))
    assert cli.run(["inventory"]) == 130
    assert capsys.readouterr().err == "note: cleaning up\nerror: interrupted\n  why   nothing is left\n"


def test_a_job_that_swallows_the_interrupt_is_interrupted_all_the_same(
    verb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from provision.views.plain import PlainView

    def struck(view: PlainView, event: object) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    def job() -> Job:
        try:
            yield Note("working")
        except KeyboardInterrupt:
            return

    monkeypatch.setattr(PlainView, "show", struck)
    verb(lambda output: finish(job(), "inventory", output))
    assert cli.run(["inventory"]) == 130


def test_an_interrupt_before_the_job_is_130_too(verb: Any, capsys: CAPTURED) -> None:
    def body(output: Output) -> None:
        raise KeyboardInterrupt

    verb(body)
    assert cli.run(["inventory"]) == 130
    assert "error: interrupted" in capsys.readouterr().err


def test_being_terminated_is_left_by_the_same_door() -> None:
    with pytest.raises(KeyboardInterrupt):
        cli._terminated(signal.SIGTERM, None)


def test_a_job_is_closed_however_it_ends(verb: Any) -> None:
    closed = []

    def job() -> Job:
        try:
            yield Result("h", "t", "ok")
            yield Result("h", object, "ok")  # type: ignore[arg-type]  # no view can show it
        finally:
            closed.append(True)

    held = job()  # a reference of ours: garbage collection does not close it

    verb(lambda output: finish(held, "inventory", output))
    assert cli.run(["inventory"]) == 1
    assert closed == [True]


# --- pipes ----------------------------------------------------------------------------------------------------------


def test_a_reader_that_went_away_ends_it_quietly(
    verb: Any, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        verb(lambda output: finish(iter([Note("x")]), "inventory", output))
        assert cli.run(["inventory", "-o", "json"]) == 128 + signal.SIGPIPE
    assert capfd.readouterr().err == ""


def test_an_error_that_nobody_reads_ends_quietly_too(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        monkeypatch.setattr(sys, "stderr", gone)
        assert cli.run(["xyzzy"]) == 128 + signal.SIGPIPE


def test_what_the_operating_system_refuses_is_not_called_a_mistake(verb: Any, capsys: CAPTURED) -> None:
    def body(output: Output) -> None:
        raise OSError(28, "No space left on device", "/var/x")

    verb(body)
    assert cli.run(["inventory"]) == 1
    error = capsys.readouterr().err
    assert "error: the operating system refused: [Errno 28] No space left on device: '/var/x'" in error
    assert "mistake" not in error


def test_a_broken_pipe_to_somebody_else_is_a_fault(verb: Any, capsys: CAPTURED) -> None:
    def job() -> Job:
        yield Note("x")
        raise BrokenPipeError(32, "Broken pipe")

    verb(lambda output: finish(job(), "inventory", output))
    assert cli.run(["inventory"]) == 1
    assert "refused: [Errno 32] Broken pipe" in capsys.readouterr().err
