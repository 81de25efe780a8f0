"""`provision deploy` on the command line: words to options, refusals to exit codes, data to stdout."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision import deploy as package
from provision.cli import run
from provision.deploy import DeployOptions
from provision.model import Event, Note, Result, Summary


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "hosts.yml"
    path.write_text("tts:\n  hosts:\n    tts-1: {ansible_host: 10.0.0.5}\n")
    return str(path)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, DeployOptions]]:
    """Takes the place of the job, and remembers what it was asked for."""
    calls: list[tuple[str, DeployOptions]] = []

    def job(host: str, options: DeployOptions) -> Iterator[Event]:
        calls.append((host, options))
        yield Result(host, "a task", "ok", kind="task")
        yield Summary({"port": 8080})
        yield Note(f"{host} speaks", f"provision verify {host}")

    monkeypatch.setattr(package, "deploy", job)
    return calls


def test_without_options_everything_is_left_to_the_roles(
    inventory: str, asked: list[tuple[str, DeployOptions]]
) -> None:
    assert run(["deploy", "tts-1", "-i", inventory]) == 0
    [(host, options)] = asked
    assert host == "tts-1" and options.inventory == (inventory,)
    assert (options.voice_model, options.slots, options.port, options.features, options.docker) == (
        "",
        None,
        None,
        (),
        False,
    )


def test_words_become_options(inventory: str, asked: list[tuple[str, DeployOptions]]) -> None:
    words = "--native --voice-model tone --slots 8 --port 9000 --features cuda, --rust-from rustup --check --diff"
    assert run(["deploy", "tts-1", "-i", inventory, *words.split(), "-e", "moshi_log_level=info"]) == 0
    [(_, options)] = asked
    assert (options.voice_model, options.slots, options.port) == ("tone", 8, 9000)
    assert (options.features, options.rust_from) == (("cuda",), "rustup")
    assert options.check and options.diff
    assert options.extra_vars == {"moshi_log_level": "info"}


def test_docker_is_passed_on_to_be_refused_by_the_job(inventory: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["deploy", "tts-1", "-i", inventory, "--docker"]) == 2
    assert "--native" in capsys.readouterr().err


def test_an_unknown_host_is_wrong_input(inventory: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["deploy", "tts-9", "-i", inventory]) == 2
    told = capsys.readouterr().err
    assert "tts-9" in told and "tts-1" in told


@pytest.mark.parametrize("words", [["--slots", "0"], ["--port", "70000"], ["--slots", "many"], []])
def test_wrong_words_are_wrong_usage(inventory: str, words: list[str]) -> None:
    assert run(["deploy", *(["tts-1"] if words else []), "-i", inventory, *words]) == 2


def test_the_last_json_object_has_the_results(
    inventory: str, asked: list[tuple[str, DeployOptions]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["deploy", "tts-1", "-i", inventory, "-o", "json"]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["event"], last["command"], last["ok"], last["port"]) == ("end", "deploy", True, 8080)


def test_the_ansible_line_is_all_that_stdout_gets(inventory: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["deploy", "tts-1", "-i", inventory, "--print-ansible", "--slots", "8"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    words = shlex.split(lines[0])
    assert words[0] == "ansible-playbook"
    assert json.loads(words[words.index("-e") + 1])["moshi_slots"] == 8


def test_the_ansible_line_is_a_value_of_the_json_object(inventory: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["deploy", "tts-1", "-i", inventory, "--print-ansible", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["ansible"].startswith("ansible-playbook ")
