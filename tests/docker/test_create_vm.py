"""create-vm to delete-vm on real containers, typed as an operator types them."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from provision.inventory import load
from tests.lab import needs_docker

pytestmark = [pytest.mark.docker, needs_docker, pytest.mark.timeout(900)]

PROVISION = Path(sys.executable).parent / "provision"


@dataclass(frozen=True)
class Shell:
    """A newcomer's shell: a home of its own, no credentials, no terminal."""

    home: Path

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PROVISION_", "XDG_"))}
        google = {"GOOGLE_APPLICATION_CREDENTIALS": "", "CLOUDSDK_CONFIG": str(self.home / "gcloud")}
        return {**kept, **google, "HOME": str(self.home), "NO_GCE_CHECK": "true"}

    def type(self, line: str, wanted: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(PROVISION), *shlex.split(line)],
            env=self.environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=600,
            check=False,
        )
        assert done.returncode == wanted, (line, done.returncode, done.stdout, done.stderr)
        return done

    def json(self, line: str, wanted: int = 0) -> dict[str, Any]:
        """The last object of a command."""
        last: dict[str, Any] = json.loads(self.type(f"{line} -o json", wanted).stdout.splitlines()[-1])
        assert last["event"] == "end" and last["exit_code"] == wanted
        return last

    def changed(self, line: str) -> int:
        recap = self.json(line)["recap"]
        return sum(int(counts["changed"]) for counts in recap.values())

    @property
    def inventory(self) -> Path:
        return self.home / ".local" / "state" / "provision" / "inventory.yml"

    def containers(self) -> list[str]:
        """Of this home alone: other clouds may live on this computer."""
        names = {machine["name"] for machine in self.json("list --cloud local")["machines"]}
        found = subprocess.run(
            ["docker", "ps", "--all", "--format", "{{.Names}}"], capture_output=True, text=True, check=True
        )
        return [name for name in found.stdout.split() if any(name.endswith(f"-{one}") for one in names)]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """One home for all tests of this file; the last thing is that nothing stays behind."""
    made = Shell(tmp_path_factory.mktemp("home"))
    yield made
    made.type("delete-vm --all --cloud local --yes")


@pytest.fixture(scope="module")
def created(shell: Shell) -> dict[str, Any]:
    return shell.json("create-vm cv-1 --cloud local")


def reachable(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=2).close()
    except OSError:
        return False
    return True


def test_a_machine_is_there_and_lets_us_in(shell: Shell, created: dict[str, Any]) -> None:
    assert created["ok"] and created["user"] == "provision" and created["cloud"] == "local"
    assert shell.type("ssh cv-1 -- hostname").stdout.strip() == "cv-1"
    assert shell.type("ssh cv-1 -- 'sudo -n id -u; cat /proc/1/comm'").stdout.split() == ["0", "systemd"]


def test_exit_codes_of_commands_there_come_through(shell: Shell, created: dict[str, Any]) -> None:
    shell.type("ssh cv-1 -- exit 7", wanted=7)


def test_a_repeat_changes_nothing_and_is_quick(shell: Shell, created: dict[str, Any]) -> None:
    before = shell.inventory.read_bytes()
    started = time.monotonic()
    assert shell.changed("create-vm cv-1") == 0
    assert time.monotonic() - started < 20
    assert shell.inventory.read_bytes() == before


def test_a_different_wish_is_refused_with_the_difference(shell: Shell, created: dict[str, Any]) -> None:
    done = shell.type("create-vm cv-1 --disk-gb 77", wanted=2)
    assert "disk_gb: it has 30, asked for 77" in done.stderr
    assert shell.type("ssh cv-1 -- hostname").stdout.strip() == "cv-1"


def test_a_dry_run_does_nothing_and_tells_by_its_exit_code(shell: Shell, created: dict[str, Any]) -> None:
    shell.type("create-vm cv-9 --cloud local --dry-run")
    shell.type("create-vm cv-9 --cloud local --dry-run --detailed-exitcode", wanted=3)
    shell.type("create-vm cv-1 --dry-run --detailed-exitcode")
    assert [machine["name"] for machine in shell.json("list --cloud local")["machines"]] == ["cv-1"]


def test_the_firewall_is_really_closed(shell: Shell, created: dict[str, Any]) -> None:
    address = created["address"]
    assert reachable(address, 22)
    shell.type("firewall cv-1 --allow 203.0.113.0/24")
    assert not reachable(address, 22)
    shell.type("firewall cv-1 --mine")
    assert reachable(address, 22)


def test_plain_openssh_and_ansible_take_our_inventory(shell: Shell, created: dict[str, Any]) -> None:
    variables = load([str(shell.inventory)]).hosts["cv-1"].vars
    assert "StrictHostKeyChecking=yes" in variables["ansible_ssh_common_args"]
    ansible = Path(sys.executable).parent / "ansible"
    if not ansible.exists():
        pytest.skip("ansible-core is not installed")
    done = subprocess.run(
        [str(ansible), "-i", str(shell.inventory), "cv-1", "-m", "ansible.builtin.ping"],
        env={**shell.environment, "ANSIBLE_LOCAL_TEMP": str(shell.home / "ansible")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and "pong" in done.stdout, (done.stdout, done.stderr)


def test_two_machines_live_side_by_side(shell: Shell, created: dict[str, Any]) -> None:
    second = shell.json("create-vm cv-2 --cloud local --gpu l4")
    assert second["machine_type"] == "g2-standard-8" and second["address"] != created["address"]
    assert shell.type("ssh cv-2 -- hostname").stdout.strip() == "cv-2"
    assert shell.changed("create-vm cv-1") == 0
    shell.type("delete-vm cv-2 --yes")
    assert shell.type("ssh cv-1 -- hostname").stdout.strip() == "cv-1"


def test_stop_and_start(shell: Shell, created: dict[str, Any]) -> None:
    shell.type("stop cv-1")
    assert shell.json("list --cloud local")["machines"][0]["status"] == "TERMINATED"
    assert shell.json("start cv-1")["status"] == "RUNNING"
    assert shell.type("ssh cv-1 -- hostname").stdout.strip() == "cv-1"


@pytest.mark.parametrize("seconds", [0.8, 2.0, 3.5, 5.0])
def test_ctrl_c_is_mended_by_a_repeat(shell: Shell, created: dict[str, Any], seconds: float) -> None:
    child = subprocess.Popen(
        [str(PROVISION), "create-vm", "cv-3", "--cloud", "local"],
        env=shell.environment,
        cwd=shell.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(seconds)
    child.send_signal(signal.SIGINT)
    _, told = child.communicate(timeout=60)
    assert child.returncode in (0, 130), told
    assert "Traceback" not in told
    shell.type("create-vm cv-3 --cloud local")
    assert shell.changed("create-vm cv-3 --cloud local") == 0
    shell.type("delete-vm cv-3 --cloud local --yes")


def test_without_a_terminal_nothing_is_deleted_unasked(shell: Shell, created: dict[str, Any]) -> None:
    done = shell.type("delete-vm cv-1", wanted=2)
    assert "--yes" in done.stderr
    assert shell.type("ssh cv-1 -- hostname").stdout.strip() == "cv-1"


def test_without_any_cloud_both_ways_on_are_named(shell: Shell) -> None:
    told = shell.type("create-vm cv-8", wanted=4).stderr
    assert "gcloud auth application-default login" in told and "provision rehearse" in told


def test_a_host_key_that_changed_is_refused(shell: Shell, created: dict[str, Any]) -> None:
    shell.type("ssh cv-1 -- 'sudo rm /etc/ssh/ssh_host_*; sudo ssh-keygen -A; sudo systemctl restart ssh'")
    assert "host key" in shell.type("create-vm cv-1", wanted=4).stderr.lower()
    shell.type("ssh cv-1 -- hostname", wanted=255)


def test_the_end_leaves_nothing_behind(shell: Shell, created: dict[str, Any]) -> None:
    assert shell.containers()
    shell.type("delete-vm --all --yes")
    assert shell.containers() == [] and shell.json("list")["machines"] == []
    assert load([str(shell.inventory)]).hosts == {}
    assert not (shell.inventory.parent / "ssh" / "known_hosts").exists()
