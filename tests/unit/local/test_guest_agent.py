"""The guest agent's decisions: whose keys, which lines stay, what is published."""

from __future__ import annotations

import ast
import datetime
import grp
import json
import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from provision.local.guest import agent, files

NOW = datetime.datetime(2026, 11, 21, tzinfo=datetime.timezone.utc)
KEY = "ssh-ed25519 AAAA me@desk"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", {}),
        (f"ann:{KEY}", {"ann": [KEY]}),
        (f"ann:{KEY}\nbob:{KEY}\nann:ssh-rsa BBBB", {"ann": [KEY, "ssh-rsa BBBB"], "bob": [KEY]}),
        (f"  ann:{KEY}  \n\n", {"ann": [KEY]}),
        ("no-colon-here", {}),
        ("ann:half", {}),
        (f"root bad:{KEY}", {}),
        (f"-x:{KEY}", {}),
        (f"1st:{KEY}", {}),
        (f"{'x' * 33}:{KEY}", {}),
        (f"a.b-c_d:{KEY}", {"a.b-c_d": [KEY]}),
        (f"a;rm:{KEY}", {}),
        (f"jürgen:{KEY}", {}),
    ],
)
def test_keys_are_read_by_user(text: str, wanted: dict[str, list[str]]) -> None:
    assert agent.parse_keys(text, NOW) == wanted


@pytest.mark.parametrize(
    ("until", "counts"), [("2026-11-22T00:00:00+0000", True), ("2026-11-20T00:00:00+0000", False), ("soon", False)]
)
def test_a_key_with_a_time_counts_until_then(until: str, counts: bool) -> None:
    tail = json.dumps({"userName": "ann", "expireOn": until})
    assert bool(agent.parse_keys(f"ann:ssh-rsa AAAA google-ssh {tail}", NOW)) is counts


def test_a_time_that_cannot_be_read_has_passed() -> None:
    assert agent.expired("ssh-rsa AAAA google-ssh nix", NOW)
    assert agent.expired('ssh-rsa AAAA google-ssh {"userName": "a"}', NOW)


def test_only_the_lines_from_metadata_are_replaced() -> None:
    text = f"# mine\nssh-rsa MINE\n{agent.MANAGED}\nssh-rsa THEIRS\n\nssh-rsa ALSO-MINE\n"
    assert agent.own_lines(text) == ["# mine", "ssh-rsa MINE", "", "ssh-rsa ALSO-MINE"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The agent at work on a folder instead of a machine, as a user who owns it."""
    folder = tmp_path / "home"
    me = pwd.getpwuid(os.getuid())
    entry = pwd.struct_passwd((me.pw_name, "x", os.getuid(), os.getgid(), "", str(folder), "/bin/sh"))
    monkeypatch.setattr(agent, "SETTINGS", tmp_path)
    monkeypatch.setattr(agent.pwd, "getpwnam", lambda name: entry)
    return folder


def test_authorized_keys_are_private_and_marked(home: Path) -> None:
    agent.write_keys("ann", [KEY])
    written = home / ".ssh" / "authorized_keys"
    assert written.read_text() == f"{agent.MANAGED}\n{KEY}\n"
    assert (written.stat().st_mode & 0o777, (home / ".ssh").stat().st_mode & 0o777) == (0o600, 0o700)


def test_keys_that_are_gone_from_the_metadata_go_and_others_stay(home: Path) -> None:
    agent.write_keys("ann", [KEY, "ssh-rsa SECOND"])
    written = home / ".ssh" / "authorized_keys"
    written.write_text(written.read_text() + "ssh-rsa MINE\n")
    agent.write_keys("ann", [])
    assert written.read_text() == "ssh-rsa MINE\n"


class Commands:
    """Stands for subprocess.run: notes the commands, ends them as told."""

    def __init__(self, code: int = 0, made: Callable[[list[str]], None] = lambda command: None) -> None:
        self.seen: list[list[str]] = []
        self._code = code
        self._made = made

    def __call__(self, command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        self.seen.append(command)
        self._made(command)
        return subprocess.CompletedProcess(command, self._code)


def test_users_of_the_metadata_are_made_and_former_ones_lose_their_keys(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = Commands()
    monkeypatch.setattr(agent.subprocess, "run", commands)
    (tmp_path / "metadata.json").write_text(json.dumps({"ssh-keys": f"ann:{KEY}"}))
    assert agent.accounts() == 0
    assert (tmp_path / "users").read_text().split() == ["ann"]
    assert ["gpasswd", "-a", "ann", agent.SUDOERS] in commands.seen
    (tmp_path / "metadata.json").write_text("{}")
    assert agent.accounts() == 0
    assert KEY not in (home / ".ssh" / "authorized_keys").read_text()


def test_a_user_that_is_missing_is_made_without_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> None:
        raise KeyError(name)

    commands = Commands(code=1)
    monkeypatch.setattr(agent, "SETTINGS", tmp_path)
    monkeypatch.setattr(agent.pwd, "getpwnam", unknown)
    monkeypatch.setattr(agent.subprocess, "run", commands)
    monkeypatch.setattr(agent, "tell", lambda text: None)
    assert agent.ensure_user("zoe-9") is False
    assert commands.seen == [["useradd", "-m", "-s", "/bin/bash", "-p", "*", "--", "zoe-9"]]
    assert not (tmp_path / "users").exists()


def test_a_user_with_the_name_of_a_group_joins_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> None:
        raise KeyError(name)

    group = grp.getgrgid(0).gr_name
    commands = Commands(code=1)
    monkeypatch.setattr(agent.pwd, "getpwnam", unknown)
    monkeypatch.setattr(agent.subprocess, "run", commands)
    monkeypatch.setattr(agent, "tell", lambda text: None)
    agent.ensure_user(group)
    assert commands.seen[0][-4:] == ["-g", group, "--", group]


def test_before_any_metadata_there_are_no_attributes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "SETTINGS", tmp_path)
    assert agent.attributes() == {}
    assert agent.managed_users() == []
    assert agent.startup_script() == 0


def test_a_startup_script_runs_in_a_shell_unless_it_names_its_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands, told = Commands(code=3), []
    monkeypatch.setattr(agent, "SETTINGS", tmp_path)
    monkeypatch.setattr(agent.subprocess, "run", commands)
    monkeypatch.setattr(agent, "run_as_file", lambda script: ["FILE"])
    monkeypatch.setattr(agent, "tell", told.append)
    for script in ("echo hi", "#!/usr/bin/python3\n"):
        (tmp_path / "metadata.json").write_text(json.dumps({"startup-script": script}))
        agent.startup_script()
    assert commands.seen == [["/bin/sh", "-s"], ["FILE"]]
    assert told == ["startup-script exit status 3"] * 2


@pytest.mark.parametrize("arguments", [[], ["nix"], ["boot", "boot"]])
def test_the_agent_does_nothing_when_called_wrongly(arguments: list[str]) -> None:
    assert agent.main(arguments) == 2


# What is baked in


def test_the_agent_needs_nothing_but_the_standard_library() -> None:
    tree = ast.parse(Path(agent.__file__).read_text())
    imported = {
        name.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    } | {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    assert imported <= set(sys.stdlib_module_names)


def test_the_image_carries_the_agent_as_a_program() -> None:
    mode, text = files.image_files()[files.AGENT]
    assert mode == 0o755
    assert text.startswith("#!/usr/bin/python3\n")
    assert "def publish_host_keys" in text


def test_the_first_process_loads_the_firewall_before_anything_listens() -> None:
    _, text = files.image_files()[files.FIRST_PROCESS]
    assert text.index("nft -f /etc/provision-machine/firewall.nft") < text.index("exec /sbin/init")


def test_sshd_takes_keys_of_users_only() -> None:
    _, text = files.image_files()["/etc/ssh/sshd_config.d/provision.conf"]
    assert text.splitlines() == ["PasswordAuthentication no", "PermitRootLogin no", "UseDNS no"]


def test_sudo_settings_are_not_writable() -> None:
    mode, text = files.image_files()["/etc/sudoers.d/google_sudoers"]
    assert mode == 0o440
    assert "%google-sudoers ALL=(ALL:ALL) NOPASSWD:ALL" in text
