"""serve, status and reset of the local cloud, as jobs."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from provision.commands.local import command
from provision.errors import ProvisionError, Unreachable
from provision.local import upkeep
from provision.model import Note, Result, Summary, Table
from provision.settings import Folders
from tests.unit.local.conftest import ZONE, World, rule
from tests.unit.local.fake_engine import FakeEngine


class Door(FakeEngine):
    """The fake engine, with what `status` asks beyond machines."""

    def running_instances(self, owner: str) -> frozenset[str]:
        return frozenset(
            container.labels["provision.instance"] for name, container in self.containers.items() if self.running[name]
        )


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path, tmp_path / "cache", tmp_path / "config")


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    engine = Door()
    monkeypatch.setattr(upkeep, "connect", lambda *_: engine)
    monkeypatch.setattr("provision.local.server.connect", lambda *_: engine)
    return engine


@pytest.fixture
def inhabited(folders: Folders, door: Door) -> World:
    """A cloud with two machines, one of them off, and a rule."""
    from tests.unit.local.conftest import opened

    with opened(folders.local_cloud, door) as world:
        world.client.create("on")
        world.client.create("off")
        world.client.done(world.client("POST", "global/firewalls", rule()))
        door.running[world.container("off")] = False
    return world


def summary(events: list[Any]) -> dict[str, Any]:
    return dict(next(event.data for event in events if isinstance(event, Summary)))


def test_status_shows_machines_with_the_state_they_really_have(inhabited: World, folders: Folders) -> None:
    events = list(upkeep.status(folders))
    told = summary(events)
    assert {machine["name"]: machine["status"] for machine in told["machines"]} == {
        "on": "RUNNING",
        "off": "TERMINATED",
    }
    assert (told["docker_ok"], told["firewall_rules"]) == (True, ["allow-ssh"])
    (table,) = [event for event in events if isinstance(event, Table)]
    assert table.rows[1][:4] == ("on", ZONE, "e2-standard-4", "RUNNING")


def test_status_without_docker_tells_what_it_knows_and_what_to_do(
    inhabited: World, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise Unreachable("Docker Engine does not answer", "refused", "sudo systemctl start docker")

    monkeypatch.setattr(upkeep, "connect", gone)
    events = list(upkeep.status(folders))
    assert summary(events)["docker_ok"] is False
    assert len(summary(events)["machines"]) == 2
    (warning,) = [event for event in events if isinstance(event, Note) and event.level == "warning"]
    assert warning.command == "sudo systemctl start docker"


def test_status_of_nothing_makes_nothing(folders: Folders, door: Door) -> None:
    events = list(upkeep.status(folders))
    assert summary(events)["machines"] == []
    assert not folders.local_cloud.exists()


def test_reset_removes_machines_rules_and_inventory_entries(inhabited: World, folders: Folders, door: Door) -> None:
    from provision.inventory.book import MachineEntry, remember

    remember(folders.inventory, MachineEntry("on", {"provision_cloud": "local"}, ("tts",)))
    remember(folders.inventory, MachineEntry("mine", {"ansible_host": "192.0.2.1"}, ("tts",)))
    events = list(upkeep.reset(folders))
    assert summary(events) == {"machines": 2, "volumes": 8, "networks": 1, "firewall_rules": 1}
    assert door.containers == {}
    assert summary(list(upkeep.status(folders)))["machines"] == []
    assert "mine" in folders.inventory.read_text()
    assert "on:" not in folders.inventory.read_text()


def test_a_second_reset_finds_nothing_to_change(inhabited: World, folders: Folders) -> None:
    list(upkeep.reset(folders))
    (result,) = [event for event in upkeep.reset(folders) if isinstance(event, Result)]
    assert result.status == "ok"


def test_reset_touches_no_other_cloud(inhabited: World, folders: Folders, door: Door, tmp_path: Path) -> None:
    other = Folders(tmp_path / "other", tmp_path, tmp_path)
    (result,) = [event for event in upkeep.reset(other) if isinstance(event, Result)]
    assert result.data["machines"] == 0
    assert len(door.containers) == 2


def test_serve_tells_its_address_answers_and_ends_well_on_an_interrupt(folders: Folders, door: Door) -> None:
    job = upkeep.keep_up(folders, 0)
    told = next(job)
    assert isinstance(told, Result)
    with urllib.request.urlopen(f"{told.data['endpoint']}/compute/v1/projects/local", timeout=5) as answer:
        assert json.load(answer)["name"] == "local"
    settings = told.data["settings"]
    assert settings["CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE"] == f"{told.data['endpoint']}/compute/v1/"
    next(job)
    next(job)
    assert isinstance(job, type(x for x in ()))
    last = _interrupted(job)
    assert last == Summary({"endpoint": told.data["endpoint"]})
    assert door.closed


def _interrupted(job: Any) -> Any:
    """What the job says when Ctrl-C strikes while it waits."""
    import unittest.mock

    with unittest.mock.patch.object(upkeep.time, "sleep", side_effect=KeyboardInterrupt):
        return next(job)


def test_the_verbs_are_there_with_their_options() -> None:
    for verb, word in (("serve", "--port"), ("status", "--output"), ("reset", "--yes")):
        shown = CliRunner().invoke(command, [verb, "--help"])
        assert shown.exit_code == 0
        assert word in shown.output


def test_reset_asks_before_it_removes(
    inhabited: World, folders: Folders, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provision.commands.local.folders", lambda: folders)
    refused = CliRunner().invoke(command, ["reset"])
    assert isinstance(refused.exception, ProvisionError)
    assert len(door.containers) == 2
    done = CliRunner().invoke(command, ["reset", "--yes", "-o", "json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout.splitlines()[-1])["machines"] == 2
    assert door.containers == {}
