"""`provision play` reads everything before it touches anything, and asks the engine for what was typed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from provision import cli
from provision.commands import play
from provision.engine.options import RunOptions
from provision.inventory import Inventory
from provision.model import Job, Note, Result, Section
from provision.playbook.values import Play
from provision.ssh.target import Target

CAPTURED = pytest.CaptureFixture[str]

BOOK = """\
- name: Set up
  hosts: all
  gather_facts: false
  tasks:
    - name: Say
      ansible.builtin.debug: {msg: hello}
      tags: [talk]
    - name: Do
      ansible.builtin.command: "true"
"""


@pytest.fixture
def book(tmp_path: Path) -> Path:
    file = tmp_path / "site.yml"
    file.write_text(BOOK)
    return file


class Engine:
    """Stands for the engine: keeps what it was asked for, and answers with these results."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[str], list[str], RunOptions]] = []
        self.results: list[Result] = [Result("a", "Say", "ok", kind="task")]

    def run(self, plays: Sequence[Play], inventory: Inventory, options: RunOptions) -> Job:
        self.asked.append(([play.name for play in plays], list(inventory.hosts), options))
        yield Section(plays[0].name, tuple(inventory.hosts))
        yield from self.results

    @property
    def options(self) -> RunOptions:
        return self.asked[-1][2]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    standing = Engine()
    monkeypatch.setattr("provision.engine.run.run", standing.run)
    return standing


def test_a_play_runs_on_the_inventory_and_ends_with_the_recap(book: Path, engine: Engine, capsys: CAPTURED) -> None:
    assert cli.run(["play", str(book), "-i", "a,b,"]) == 0
    assert engine.asked[0][:2] == (["Set up"], ["a", "b"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "PLAY [Set up] " + "*" * 66
    assert lines[-1].startswith("a                          : ok=1    changed=0 ")


def test_playbooks_run_in_the_order_they_are_named(book: Path, tmp_path: Path, engine: Engine) -> None:
    second = tmp_path / "second.yml"
    second.write_text(BOOK.replace("Set up", "Go on"))
    assert cli.run(["play", str(second), str(book), "-i", "a,"]) == 0
    assert engine.asked[0][0] == ["Go on", "Set up"]


def test_what_was_typed_is_what_the_engine_is_asked_for(book: Path, engine: Engine) -> None:
    words = [
        *("-l", "a", "-e", "x=1", "-e", '{"y": 2}', "-t", "talk,walk", "-t", "run", "--skip-tags", "slow"),
        *("-C", "-D", "--start-at-task", "Say", "-f", "7", "-b", "--become-user", "moshi"),
    ]
    assert cli.run(["play", str(book), "-i", "a,", *words]) == 0
    options = engine.options
    assert options.limit == "a"
    assert options.extra_vars == {"x": "1", "y": 2}
    assert options.tags == {"talk", "walk", "run"}
    assert options.skip_tags == {"slow"}
    assert (options.check, options.diff, options.start_at_task, options.forks) == (True, True, "Say", 7)
    assert (options.become, options.become_user) == (True, "moshi")


def test_nothing_typed_asks_for_nothing(book: Path, engine: Engine) -> None:
    assert cli.run(["play", str(book), "-i", "a,"]) == 0
    options = engine.options
    assert (options.check, options.diff, options.limit, options.tags, options.become) == (
        False,
        False,
        "",
        frozenset(),
        False,
    )


def test_a_dry_run_says_so(book: Path, engine: Engine, capsys: CAPTURED) -> None:
    assert cli.run(["play", str(book), "-i", "a,", "--check", "-o", "json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told[0] == {"event": "note", "text": "dry run: nothing is changed", "command": "", "level": "info"}


def connected(monkeypatch: pytest.MonkeyPatch, target: Target, *given: Any) -> Target:
    """The target that the door is asked for."""
    reached: list[Target] = []
    monkeypatch.setattr("provision.ssh.door.connect", reached.append)
    play.connecting(*given)(target)
    return reached[0]


def test_user_key_and_timeout_fill_what_the_inventory_leaves_open(monkeypatch: pytest.MonkeyPatch) -> None:
    open_target = connected(monkeypatch, Target("a", "a"), "me", "/k", 3.0)
    assert (open_target.user, open_target.key_files, open_target.connect_timeout_s) == ("me", (Path("/k"),), 3.0)
    told = Target("a", "a", user="them", key_files=(Path("/theirs"),), connect_timeout_s=9.0)
    assert connected(monkeypatch, told, "me", "/k", None) == told


@pytest.mark.parametrize(
    ("status", "words", "code"),
    [
        ("ok", [], 0),
        ("failed", [], 1),
        ("unreachable", [], 4),
        ("changed", ["--detailed-exitcode"], 3),
        ("changed", [], 0),
    ],
)
def test_the_exit_code_follows_the_results(
    status: Any, words: list[str], code: int, book: Path, engine: Engine
) -> None:
    engine.results = [Result("a", "Say", status, kind="task")]
    assert cli.run(["play", str(book), "-i", "a,", *words]) == code


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- hosts: all\n  tasks:\n    - comand: x\n", ":3"),
        ("- hosts: all\n  taks: []\n", "taks"),
        ("- hosts: [\n", "YAML"),
        ("just text\n", "site.yml"),
    ],
)
def test_a_wrong_playbook_is_refused_before_a_host_is_touched(
    text: str, said: str, book: Path, engine: Engine, capsys: CAPTURED
) -> None:
    book.write_text(text)
    assert cli.run(["play", str(book), "-i", "a,"]) == 2
    assert said in capsys.readouterr().err
    assert engine.asked == []


@pytest.mark.parametrize(
    "words",
    [
        ["/does/not/exist.yml"],
        ["site.yml", "-i", "/does/not/exist"],
        ["site.yml", "-e", "novalue"],
        ["site.yml", "-f", "0"],
    ],
)
def test_wrong_words_are_refused_before_a_host_is_touched(
    words: list[str], book: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(book.parent)
    assert cli.run(["play", *words]) == 2
    assert engine.asked == []


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("--list-tasks", "      Say\tTAGS: [talk]"),
        ("--list-tags", "      TASK TAGS: [talk]"),
        ("--list-hosts", "      b"),
        ("--syntax-check", "playbook: site.yml"),
    ],
)
def test_lists_run_nothing(
    word: str, said: str, book: Path, engine: Engine, capsys: CAPTURED, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(book.parent)
    assert cli.run(["play", "site.yml", "-i", "a,b,", word]) == 0
    assert said in capsys.readouterr().out.splitlines()
    assert cli.run(["play", "site.yml", "-i", "a,b,", word, "-o", "json"]) == 0
    end = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert end["plays"][0]["hosts"] == ["a", "b"]
    assert engine.asked == []


def test_an_interrupt_says_that_tasks_may_be_half_done(book: Path, engine: Engine, capsys: CAPTURED) -> None:
    def stopped(*given: Any) -> Job:
        yield Note("working")
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("provision.engine.run.run", stopped)
        assert cli.run(["play", str(book), "-i", "a,"]) == 130
    assert "half done" in capsys.readouterr().err
