"""command and shell: what is started, when it is not, and what the result holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provision.agent.process import Command, Completed
from tests.unit.agent.fakes import FakeProcesses, a_target, printed, run


def started(module: str, args: dict[str, Any], *rules: Any, **settings: Any) -> tuple[dict[str, Any], list[Command]]:
    processes = FakeProcesses(*(rules or (("", printed("out\n", 0, "err\n")),)))
    result = run(module, args, a_target(processes, **settings))
    return result, processes.started


def test_the_result_has_what_ansible_documents() -> None:
    result, [command] = started("command", {"_raw_params": "echo 'a b' c"})
    assert command.argv == ["echo", "a b", "c"]
    assert command.stdin is None
    wanted = {"changed": True, "cmd": ["echo", "a b", "c"], "rc": 0, "stdout": "out", "stderr": "err", "msg": ""}
    assert {key: result[key] for key in wanted} == wanted
    assert result["start"] <= result["end"] and result["delta"].startswith("0:00:0")


def test_a_program_that_fails_fails_the_task_with_all_it_said() -> None:
    result, _ = started("command", {"cmd": "x"}, ("x", printed("o\n", 3, "e\n")))
    assert (result["failed"], result["rc"], result["msg"]) == (True, 3, "non-zero return code")
    assert (result["stdout"], result["stderr"]) == ("o", "e")


def test_shell_hands_the_line_to_a_shell() -> None:
    result, [command] = started("shell", {"_raw_params": "a | b > $C"})
    assert command.argv == ["/bin/sh", "-c", "a | b > $C"]
    assert result["cmd"] == "a | b > $C"
    _, [command] = started("shell", {"_raw_params": "x", "executable": "/bin/bash"})
    assert command.argv[0] == "/bin/bash"


def test_words_know_home_and_variables_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    _, [command] = started("command", {"_raw_params": "ls ~/x $HOME"})
    assert command.argv == ["ls", "/home/ann/x", "/home/ann"]
    _, [command] = started("command", {"_raw_params": "ls $HOME", "expand_argument_vars": False})
    assert command.argv == ["ls", "$HOME"]


def test_stdin_gets_its_line_end_unless_told_otherwise() -> None:
    _, [command] = started("command", {"argv": ["cat"], "stdin": "text"})
    assert command.stdin == b"text\n"
    _, [command] = started("command", {"argv": ["cat"], "stdin": "text", "stdin_add_newline": False})
    assert command.stdin == b"text"


def test_line_ends_of_the_output_stay_when_asked_to() -> None:
    result, _ = started("command", {"argv": ["x"], "strip_empty_ends": False})
    assert result["stdout"] == "out\n"


def test_it_runs_in_the_folder_that_is_asked_for(tmp_path: Path) -> None:
    _, [command] = started("command", {"argv": ["x"], "chdir": str(tmp_path)})
    assert command.cwd == str(tmp_path)


def test_a_folder_that_is_not_there_is_told() -> None:
    result, commands = started("command", {"argv": ["x"], "chdir": "/no/such"})
    assert "Unable to change directory" in result["msg"] and commands == []


@pytest.mark.parametrize("check", [False, True])
def test_nothing_runs_when_creates_is_there(tmp_path: Path, check: bool) -> None:
    (tmp_path / "made.bin").touch()
    args = {"argv": ["x"], "creates": "*.bin", "chdir": str(tmp_path)}
    result, commands = started("command", args, check=check)
    word = "Would" if check else "Did"
    assert commands == [] and result["changed"] is False and result["rc"] == 0
    assert result["msg"] == f"{word} not run command since '*.bin' exists"
    assert result["stdout"] == "skipped, since *.bin exists"


def test_nothing_runs_when_removes_is_gone(tmp_path: Path) -> None:
    result, commands = started("command", {"argv": ["x"], "removes": str(tmp_path / "none")})
    assert commands == [] and "does not exist" in result["msg"]


def test_it_runs_when_creates_lacks_and_removes_is_there(tmp_path: Path) -> None:
    _, commands = started("command", {"argv": ["x"], "creates": str(tmp_path / "none"), "removes": str(tmp_path)})
    assert len(commands) == 1


def test_check_mode_skips_what_nobody_can_foretell() -> None:
    result, commands = started("command", {"argv": ["x"]}, check=True)
    assert commands == [] and result["skipped"] is True and result["changed"] is False
    assert result["msg"] == "Command would have run if not in check mode"


def test_check_mode_foretells_a_change_where_creates_lacks() -> None:
    result, commands = started("command", {"argv": ["x"], "creates": "/no/such"}, check=True)
    assert commands == [] and result["changed"] is True and "skipped" not in result


@pytest.mark.parametrize(
    ("args", "msg"),
    [
        ({}, "no command given"),
        ({"_raw_params": "  "}, "no command given"),
        ({"_raw_params": "a", "argv": ["b"]}, "only command or argv can be given"),
        ({"_raw_params": "echo 'open"}, "cannot be split"),
    ],
)
def test_what_is_no_command_is_told(args: dict[str, Any], msg: str) -> None:
    result, commands = started("command", args)
    assert result["failed"] and result["rc"] == 256 and msg in result["msg"] and commands == []


def test_executable_means_nothing_to_command_and_that_is_said() -> None:
    target = a_target(FakeProcesses(("x", printed())))
    run("command", {"argv": ["x"], "executable": "/bin/bash"}, target)
    assert "'executable' has no meaning" in target.warnings[0]


def test_a_program_that_is_not_there_is_told_with_its_number() -> None:
    from provision.agent.errors import Failed

    def missing(command: Command) -> Completed:
        raise Failed("[Errno 2] No such file or directory: '/x'", rc=2, stdout="", stderr="", cmd=["/x"])

    result, _ = started("command", {"argv": ["/x"]}, ("", missing))
    assert result["failed"] and result["rc"] == 2
