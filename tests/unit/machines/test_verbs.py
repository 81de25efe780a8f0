"""The verbs on the command line: options become wishes, questions are asked, exit codes say how it ended."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from provision import cli
from provision.machines.clouds import Place
from tests.unit.machines.conftest import NOTHING, World

Captured = pytest.CaptureFixture[str]
Typed = Callable[..., int]


@pytest.fixture
def typed(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Types a command line; every cloud is the world's. Gives the exit code."""
    for name in [name for name in os.environ if name.startswith("PROVISION_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("provision.settings.folders", lambda *_: world.place.folders)
    monkeypatch.setattr("provision.commands.options.folders", lambda *_: world.place.folders)

    @contextmanager
    def open_cloud(kind: str, *_: Any) -> Iterator[Place]:
        assert kind == "local"
        yield world.place

    monkeypatch.setattr("provision.machines.clouds.open_cloud", open_cloud)

    def run(line: str, answer: str | None = None) -> int:
        stdin = io.StringIO(answer or "")
        monkeypatch.setattr(stdin, "isatty", lambda: answer is not None, raising=False)
        monkeypatch.setattr(sys, "stdin", stdin)
        return cli.run(line.split())

    return run


def last(capsys: Captured) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return told


def test_every_option_reaches_the_machine(world: World, typed: Typed) -> None:
    line = (
        "create-vm tts-1 --cloud local --zone us-east1-b --gpu l4:2 --image ubuntu-2204 --disk-gb 80 "
        "--disk-type pd-ssd --spot --max-run 2h --max-run-action stop "
        "--allow 10.0.0.0/8 --allow 192.0.2.1/32 --port 9000 --user ops"
    )
    assert typed(line) == 0
    machine = world.machine()
    assert machine is not None
    assert (machine.zone, machine.machine_type, machine.gpu) == ("us-east1-b", "g2-standard-24", "nvidia-l4:2")
    assert (machine.image, machine.disk_gb, machine.user) == ("ubuntu-2204", 80, "ops")
    assert (machine.spot, machine.max_run_s, machine.max_run_action) == (True, 7200, "stop")
    service = world.rules()["provision-tts-1-service"]
    assert sorted(service["sourceRanges"]) == ["10.0.0.0/8", "192.0.2.1/32"]
    assert service["allowed"][0]["ports"] == ["9000"]
    assert typed(line) == 0


def test_settings_of_the_project_reach_it_too(world: World, typed: Typed) -> None:
    Path("provision.yml").write_text("cloud: local\ngpu: l4\nservice_port: 9100\n")
    assert typed("create-vm tts-1") == 0
    machine = world.machine()
    assert machine is not None and machine.machine_type == "g2-standard-8"
    assert "provision-tts-1-service" in world.rules()


def test_a_wrong_setting_is_told_before_any_cloud_is_opened(typed: Typed, capsys: Captured) -> None:
    Path("provision.yml").write_text("zoen: x\n")
    assert typed("create-vm tts-1 --cloud local") == 2
    assert "did you mean `zone`?" in capsys.readouterr().err


def test_a_repeat_needs_no_cloud_named(world: World, typed: Typed, capsys: Captured) -> None:
    typed("create-vm tts-1 --cloud local")
    capsys.readouterr()
    assert typed("create-vm tts-1 -o json") == 0
    assert last(capsys)["recap"]["tts-1"]["changed"] == 0


def test_the_last_object_holds_the_machine(world: World, typed: Typed, capsys: Captured) -> None:
    assert typed("create-vm tts-1 --cloud local -o json") == 0
    told = last(capsys)
    assert (told["event"], told["command"], told["ok"], told["exit_code"]) == ("end", "create-vm", True, 0)
    assert told["name"] == "tts-1" and told["address"] and told["key"].endswith("id_ed25519")


@pytest.mark.parametrize(("flags", "code"), [("--dry-run", 0), ("--dry-run --detailed-exitcode", 3)])
def test_a_dry_run_can_tell_by_its_exit_code(world: World, typed: Typed, flags: str, code: int) -> None:
    assert typed(f"create-vm tts-1 --cloud local {flags}") == code
    assert world.left() == NOTHING


def test_a_dry_run_of_what_is_as_wanted_leaves_with_0(typed: Typed) -> None:
    typed("create-vm tts-1 --cloud local")
    assert typed("create-vm tts-1 --dry-run --detailed-exitcode") == 0


def test_a_difference_leaves_with_2(typed: Typed, capsys: Captured) -> None:
    typed("create-vm tts-1 --cloud local")
    assert typed("create-vm tts-1 --spot") == 2
    assert "spot: it has no, asked for yes" in capsys.readouterr().err


def test_without_a_terminal_nothing_is_deleted(world: World, typed: Typed, capsys: Captured) -> None:
    world.create()
    before = world.left()
    assert typed("delete-vm tts-1") == 2
    assert world.left() == before and "--yes" in capsys.readouterr().err


@pytest.mark.parametrize("answer", ["", "\n", "y\n", "yes\n", "tts-2\n", "all\n"])
def test_only_the_name_itself_deletes(world: World, typed: Typed, answer: str) -> None:
    world.create()
    before = world.left()
    assert typed("delete-vm tts-1", answer) == 1
    assert world.left() == before


def test_the_question_shows_everything_that_goes(world: World, typed: Typed, capsys: Captured) -> None:
    world.create()
    assert typed("delete-vm tts-1", "tts-1\n") == 0
    asked = capsys.readouterr().err
    for part in ("machine tts-1 in us-central1-a", "firewall rule provision-tts-1-ssh", "inventory entry"):
        assert part in asked
    assert world.left() == NOTHING


def test_yes_asks_nothing(world: World, typed: Typed, capsys: Captured) -> None:
    world.create()
    assert typed("delete-vm tts-1 --yes") == 0
    assert "This removes" not in capsys.readouterr().err and world.left() == NOTHING


def test_several_go_in_one_command(world: World, typed: Typed, capsys: Captured) -> None:
    for name in ("a", "b", "c"):
        world.create(name)
    capsys.readouterr()
    assert typed("delete-vm a b --yes -o json") == 0
    assert [row["name"] for row in last(capsys)["removed"]] == ["a", "b"]
    assert world.left()["hosts"] == {"c"}


def test_one_unknown_name_and_none_is_deleted(world: World, typed: Typed) -> None:
    world.create()
    before = world.left()
    assert typed("delete-vm tts-1 tts-7 --cloud local --yes") == 2
    assert world.left() == before


def test_all_wants_its_own_word(world: World, typed: Typed) -> None:
    world.create()
    world.place.folders.local_cloud.mkdir(parents=True, exist_ok=True)
    assert typed("delete-vm --all", "tts-1\n") == 1
    assert typed("delete-vm --all", "all\n") == 0
    assert world.left() == NOTHING
    assert typed("delete-vm --all --yes") == 0


@pytest.mark.parametrize("line", ["delete-vm", "delete-vm --yes", "delete-vm tts-1 --all --yes"])
def test_what_to_delete_must_be_said_once(typed: Typed, line: str) -> None:
    assert typed(line) == 2


def test_list_without_anything_opens_no_cloud(typed: Typed, capsys: Captured) -> None:
    assert typed("list -o json") == 0
    assert last(capsys)["machines"] == []


def test_list_stop_start_and_firewall_find_the_cloud_by_the_machine(
    world: World, typed: Typed, capsys: Captured
) -> None:
    world.create()
    assert [typed(line) for line in ("stop tts-1", "start tts-1", "firewall tts-1 --mine")] == [0, 0, 0]
    capsys.readouterr()
    assert typed("list -o json") == 0
    assert [row["status"] for row in last(capsys)["machines"]] == ["RUNNING"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ssh tts-1", []),
        ("ssh tts-1 uptime -p", ["--", "uptime", "-p"]),
        ("ssh tts-1 -- ls -la /", ["--", "ls", "-la", "/"]),
        ("ssh tts-1 -- -- x", ["--", "--", "x"]),
    ],
)
def test_ssh_becomes_openssh(
    world: World, typed: Typed, monkeypatch: pytest.MonkeyPatch, line: str, words: list[str]
) -> None:
    world.create()
    ran: list[list[str]] = []

    monkeypatch.setattr("os.execvp", lambda file, args: ran.append(args))
    assert typed(line) == 0
    machine = world.machine()
    assert machine is not None
    place = ran[0].index(f"provision@{machine.address}")
    assert ran[0][0] == "ssh" and ran[0][place + 1 :] == words
    assert "StrictHostKeyChecking=yes" in ran[0]


def test_ssh_to_nobody_is_answered_with_the_nearest(world: World, typed: Typed, capsys: Captured) -> None:
    world.create()
    assert typed("ssh tts-11") == 2
    assert "did you mean `tts-1`?" in capsys.readouterr().err


def test_ssh_before_any_machine_is_told_too(typed: Typed, capsys: Captured) -> None:
    assert typed("ssh tts-1") == 2
    assert "there is no host `tts-1`" in capsys.readouterr().err


def test_without_openssh_its_package_is_named(
    world: World, typed: Typed, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    world.create()
    monkeypatch.setattr("os.execvp", lambda *_: (_ for _ in ()).throw(FileNotFoundError()))
    assert typed("ssh tts-1") == 1
    assert "openssh-client" in capsys.readouterr().err
