"""`provision rehearse`, as a newcomer types it: a machine, the real moshi-server, measured; again; and gone.

The first run compiles moshi-server, which takes minutes; where the cache folder has the artifact it takes one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.enable_socket, pytest.mark.timeout(2700)]

NAME = "e2e-rehearsal"


@dataclass(frozen=True)
class Operator:
    """Somebody with a state folder of their own."""

    environment: dict[str, str]

    def types(self, *words: str, limit_s: float = 120) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "provision.cli", *words]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=limit_s, stdin=subprocess.DEVNULL
        )

    def last_object(self, *words: str, limit_s: float = 120) -> dict[str, Any]:
        done = self.types(*words, "-o", "json", limit_s=limit_s)
        last: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        assert done.returncode == last["exit_code"], done.stderr
        return last


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True).returncode != 0:
        pytest.skip("needs a running Docker Engine, and the right to use it")
    state = tmp_path_factory.mktemp("state")
    somebody = Operator({**os.environ, "XDG_STATE_HOME": str(state), "XDG_CONFIG_HOME": str(state / "config")})
    yield somebody
    somebody.types("delete-vm", "--all", "--yes", "--cloud", "local", limit_s=300)


@pytest.fixture(scope="module")
def rehearsed(operator: Operator) -> dict[str, Any]:
    return operator.last_object("rehearse", "--name", NAME, limit_s=2400)


def containers() -> list[str]:
    listed = subprocess.run(["docker", "ps", "-a", "--format", "{{.Names}}"], capture_output=True, text=True)
    return [name for name in listed.stdout.split() if NAME in name]


def test_it_ends_well_with_the_results_of_its_steps(rehearsed: dict[str, Any]) -> None:
    assert rehearsed["ok"], rehearsed.get("error")
    assert rehearsed["verify"]["verified"] is True
    assert rehearsed["create_vm"]["cloud"] == "local"
    assert rehearsed["deploy"]["changed"] > 0


def test_it_tells_where_the_machine_is(rehearsed: dict[str, Any]) -> None:
    machine = rehearsed["machine"]
    assert machine["name"] == NAME
    key = Path(machine["key_file"]).read_text().strip()
    request = urllib.request.Request(
        f"http://{machine['address']}:{machine['port']}/api/modules_info", headers={"kyutai-api-key": key}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def test_the_key_is_for_its_owner_alone(rehearsed: dict[str, Any]) -> None:
    assert Path(rehearsed["machine"]["key_file"]).stat().st_mode & 0o077 == 0


def test_a_second_run_changes_nothing_and_is_quick(operator: Operator, rehearsed: dict[str, Any]) -> None:
    again = operator.last_object("rehearse", "--name", NAME, limit_s=300)
    assert again["ok"], again.get("error")
    assert again["changed"] == 0
    assert again["recap"][NAME]["changed"] == 0
    assert again["seconds"] < 150
    assert again["machine"] == rehearsed["machine"]


def test_a_repeat_in_words_says_that_nothing_had_to_change(operator: Operator, rehearsed: dict[str, Any]) -> None:
    done = operator.types("rehearse", "--name", NAME, "-o", "plain", limit_s=300)
    assert done.returncode == 0
    assert "nothing had to change" in done.stderr
    assert f"provision ssh {NAME}" in done.stderr
    assert "time to first audio" in done.stdout


def test_a_shell_on_the_machine_finds_the_service_running(operator: Operator, rehearsed: dict[str, Any]) -> None:
    done = operator.types("ssh", NAME, "systemctl", "is-active", "moshi-tts.service")
    assert (done.stdout.strip(), done.returncode) == ("active", 0), done.stderr


def test_a_measurement_alone_agrees(operator: Operator, rehearsed: dict[str, Any]) -> None:
    measured = operator.last_object("verify", NAME, "--no-load", "--runs", "3", limit_s=300)
    assert measured["ok"], measured.get("error")


def test_targets_that_cannot_be_met_are_exit_5(operator: Operator, rehearsed: dict[str, Any]) -> None:
    missed = operator.last_object("verify", NAME, "--no-load", "--runs", "3", "--ttfa-p50-ms", "0.001", limit_s=300)
    assert (missed["exit_code"], missed["ok"]) == (5, False)


def test_removed_it_is_gone(operator: Operator, rehearsed: dict[str, Any]) -> None:
    gone = operator.last_object("delete-vm", NAME, "--yes", "--cloud", "local", limit_s=300)
    assert gone["ok"], gone.get("error")
    assert containers() == []
    assert not Path(rehearsed["machine"]["key_file"]).exists()
