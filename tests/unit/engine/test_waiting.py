"""reboot and wait_for_connection against a host that goes away and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.engine.actions import waiting
from provision.engine.actions.decision import AtTheDoor, Here, Setting
from provision.errors import Unreachable
from provision.playbook.templating import Templar
from provision.playbook.values import Location, Task
from provision.ssh.door import Completed

NOW = [0.0]
OLD, NEW = "boot-1\n100\n", "boot-2\n100\n"


class Host:
    """Answers the question for its boot from a script; an exception in it is raised."""

    def __init__(self, boots: list[Any], test_code: int = 0) -> None:
        self.boots: Iterator[Any] = iter(boots)
        self.test_code = test_code
        self.ran: list[str] = []
        self.hung_up = 0

    def run(self, command: str) -> Completed:
        self.ran.append(command)
        if "boot_id" not in command:
            return Completed(self.test_code, "", "")
        answer = next(self.boots)
        if isinstance(answer, Exception):
            raise answer
        return Completed(0, answer, "")

    def hang_up(self) -> None:
        self.hung_up += 1

    def pause(self, seconds: float) -> None:
        NOW[0] += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time that passes only when somebody waits."""
    NOW[0] = 0.0
    monkeypatch.setattr(waiting.time, "monotonic", lambda: NOW[0])


def setting(check: bool = False, **args: Any) -> Setting:
    task = Task(Location("site.yml", 1), "", "reboot", args, Path())
    return Setting(task, Templar({}), "web1", Path(), check, 0, args)


def act(decision: AtTheDoor | Here, host: Host) -> dict[str, Any]:
    assert isinstance(decision, AtTheDoor)
    return decision.act(host)


def test_a_reboot_waits_until_the_host_has_another_boot() -> None:
    host = Host([OLD, OLD, Unreachable("down"), NEW])
    result = act(waiting.reboot(setting()), host)
    assert (result["rebooted"], result["changed"]) == (True, True)
    assert host.hung_up == 3
    assert any("shutdown -r now" in command for command in host.ran)
    assert host.ran[-1] == "whoami"


def test_the_same_boot_is_not_taken_for_a_new_one() -> None:
    result = act(waiting.reboot(setting(reboot_timeout=5)), Host([OLD] * 30))
    assert result["failed"] is True
    assert "5 s" in result["msg"]


def test_a_container_is_known_by_the_age_of_its_first_process() -> None:
    assert act(waiting.reboot(setting()), Host([OLD, "boot-1\n900\n"]))["rebooted"] is True


def test_a_host_that_comes_back_broken_fails() -> None:
    assert act(waiting.reboot(setting(reboot_timeout=5)), Host([OLD] + [NEW] * 30, test_code=1))["failed"] is True


def test_ones_own_command_and_test_are_used() -> None:
    host = Host([OLD, NEW])
    act(waiting.reboot(setting(reboot_command="kexec -e", test_command="uptime")), host)
    assert any("kexec -e" in command for command in host.ran)
    assert host.ran[-1] == "uptime"


def test_every_argument_counts() -> None:
    host = Host([OLD, NEW])
    wanted = setting(msg="it's time", search_paths=["/opt/sbin"], connect_timeout=3, post_reboot_delay=2)
    decision = waiting.reboot(wanted)
    assert isinstance(decision, AtTheDoor) and decision.connect_timeout_s == 3
    assert decision.act(host)["elapsed"] >= 2
    assert any("PATH=/opt/sbin shutdown -r now" in command and "time" in command for command in host.ran)


def test_a_dry_run_reboots_nothing() -> None:
    decision = waiting.reboot(setting(check=True))
    assert isinstance(decision, Here) and decision.result["changed"] is True


def test_waiting_for_a_connection_ends_when_the_host_answers() -> None:
    host = Host([])
    result = act(waiting.wait_for_connection(setting(delay=2)), host)
    assert result["changed"] is False and result["elapsed"] == 2


def test_waiting_for_a_connection_gives_up_in_time() -> None:
    result = act(waiting.wait_for_connection(setting(timeout=3)), Host([], test_code=255))
    assert result["failed"] is True and "3 s" in result["msg"]
