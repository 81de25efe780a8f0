"""Options mean the same with every verb."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from provision.commands import options
from provision.commands.options import CloudChoice, Output, cloud_options, inventory_option, output_options
from provision.errors import ProvisionError, UsageProblem
from provision.settings import load
from provision.views.human import HumanView
from provision.views.jsonlines import JsonLines
from provision.views.opening import open_view
from provision.views.plain import PlainView
from provision.views.view import Look


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def given(decorator: Any, *words: str, **environment: str) -> dict[str, Any]:
    """What a verb with this decorator gets."""
    got: dict[str, Any] = {}

    @click.command()
    @decorator
    def command(**values: Any) -> None:
        got.update(values)

    result = CliRunner().invoke(command, words, env={**environment}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return got


@pytest.mark.parametrize(
    ("words", "output"),
    [
        ([], Output()),
        (["-o", "json"], Output("json")),
        (["--output", "plain", "-vv"], Output("plain", verbosity=2)),
        (["-q", "--color", "never"], Output(quiet=True, color="never")),
    ],
)
def test_output_options_come_as_one_value(words: list[str], output: Output) -> None:
    assert given(output_options, *words) == {"output": output}


def test_a_flag_goes_before_the_environment() -> None:
    assert given(output_options, PROVISION_OUTPUT="json")["output"].format == "json"
    assert given(output_options, "-o", "plain", PROVISION_OUTPUT="json")["output"].format == "plain"


def test_cloud_options_that_are_not_said_are_none() -> None:
    assert given(cloud_options) == {"cloud": CloudChoice()}
    choice = given(cloud_options, "--cloud", "local", "--zone", "z")["cloud"]
    assert choice == CloudChoice("local", None, "z")


def test_cloud_flags_go_into_the_settings() -> None:
    choice = CloudChoice("local", None, "europe-west4-a")
    settings = load(choice.flags, environment={"HOME": "/nowhere", "PROVISION_PROJECT": "p"})
    assert (settings["cloud"], settings["project"], settings["zone"]) == ("local", "p", "europe-west4-a")
    assert not settings.values["project"].origin.startswith("--")


def test_inventories_are_those_named_or_our_own(tmp_path: Path) -> None:
    state = {"XDG_STATE_HOME": str(tmp_path), "PROVISION_INVENTORY": ""}
    own = tmp_path / "provision" / "inventory.yml"
    assert given(inventory_option, "-i", "a", "-i", "b,", **state)["inventory"] == ("a", "b,")
    assert given(inventory_option, **state)["inventory"] == ()
    own.parent.mkdir()
    own.touch()
    assert given(inventory_option, **state)["inventory"] == (str(own),)
    named = {**state, "PROVISION_INVENTORY": "x.yml:y.yml"}
    assert given(inventory_option, **named)["inventory"] == ("x.yml", "y.yml")


@pytest.mark.parametrize(
    ("stdout", "stderr", "chosen"),
    [
        (Terminal(), Terminal(), "human"),
        (io.StringIO(), Terminal(), "plain"),
        (Terminal(), io.StringIO(), "plain"),
        (io.StringIO(), io.StringIO(), "plain"),
    ],
)
def test_the_lively_view_is_for_somebody_who_looks(stdout: io.StringIO, stderr: io.StringIO, chosen: str) -> None:
    assert Output().look(stdout, stderr).format == chosen
    assert Output("json").look(stdout, stderr).format == "json"


@pytest.mark.parametrize(
    ("color", "environment", "terminal", "colored"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"TERM": "dumb"}, True, False),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {}, True, False),
    ],
)
def test_colour_follows_the_flag_then_no_color_then_the_stream(
    color: str, environment: dict[str, str], terminal: bool, colored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = Terminal() if terminal else io.StringIO()
    assert Output(color=color).colored(stream) is colored


def test_each_format_has_its_view() -> None:
    streams = io.StringIO(), io.StringIO()
    views = {name: type(open_view(Look(name), "play", *streams)) for name in ("human", "plain", "json")}
    assert views == {"human": HumanView, "plain": PlainView, "json": JsonLines}


class Typed(io.StringIO):
    """A terminal on which somebody types this."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("answer", ["y\n", "Yes\n"])
def test_consent_may_be_typed(answer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", Typed(answer))
    options.confirm("go on?", yes=False)
    told = capsys.readouterr()
    assert told.err == "go on? [y/N]: "
    assert told.out == ""


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "yeah\n"])
def test_anything_else_is_no_consent(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Typed(answer))
    with pytest.raises(ProvisionError, match="not confirmed"):
        options.confirm("go on?", yes=False)


def test_without_a_terminal_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(UsageProblem) as refused:
        options.confirm("go on?", yes=False)
    assert refused.value.hint == "repeat the command with --yes"
    options.confirm("go on?", yes=True)
    options.confirm_by_name("tts-1", "this deletes tts-1", yes=True)


def test_destroying_wants_the_very_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Typed("tts-1\n"))
    options.confirm_by_name("tts-1", "this deletes tts-1", yes=False)
    for wrong in ("y\n", "tts-2\n", "", "TTS-1\n"):
        monkeypatch.setattr("sys.stdin", Typed(wrong))
        with pytest.raises(ProvisionError, match="nothing was removed"):
            options.confirm_by_name("tts-1", "this deletes tts-1", yes=False)


def test_host_names_are_completed_from_the_inventory(tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.ini"
    inventory.write_text("[tts]\ntts-1\ntts-2\n[stt]\nstt-1\n")
    host = options.HostName()
    context = click.Context(click.Command("x"))
    context.params = {"inventory": (str(inventory),)}
    argument = click.Argument(["name"])
    assert [item.value for item in host.shell_complete(context, argument, "tts")] == ["tts-1", "tts-2"]
    context.params = {"inventory": (str(tmp_path / "missing"),)}
    assert host.shell_complete(context, argument, "") == []
