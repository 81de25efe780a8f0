"""The whole way from a job to the local cloud's API and back; only Docker and SSH are stand-ins."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from provision.errors import Unreachable
from provision.gce.client import Cloud, Patience, anonymous
from provision.gce.instance import Machine
from provision.gce.instances import find
from provision.inventory import Host
from provision.local import LocalCloud, serve
from provision.machines import book
from provision.machines.clouds import Place
from provision.machines.create import create_vm
from provision.machines.delete import delete_vm, removal_of, removals_of_all
from provision.machines.wish import Wish
from provision.model import Event, Job, Result, Summary
from provision.settings import Folders
from provision.ssh.door import Completed
from provision.ssh.target import Target
from tests.unit.local.fake_engine import FakeEngine


def public(kind: str, seed: str) -> str:
    """A public host key as far as its type goes."""
    return base64.b64encode(len(kind).to_bytes(4, "big") + kind.encode() + seed.encode() * 40).decode()


class BootingEngine(FakeEngine):
    """Machines that publish a host key of their own once they run; `silent` ones never do."""

    silent = False

    def read(self, name: str, folder: str) -> Mapping[str, bytes]:
        if self.silent or not super().read(name, folder):
            return {}
        return {"hostkeys/ssh-ed25519": public("ssh-ed25519", name[-1]).encode()}


@dataclass
class Ssh:
    """Stands in for the SSH door: who was connected to, and how often it refuses at first."""

    targets: list[Target] = field(default_factory=list)
    refusals: list[Unreachable] = field(default_factory=list)

    def connect(self, target: Target) -> Ssh:
        self.targets.append(target)
        if self.refusals:
            raise self.refusals.pop(0)
        return self

    def run(self, command: str) -> Completed:
        return Completed(0, "", "")

    def close(self) -> None:
        pass


@dataclass
class Told:
    """The events of a job that has run, and how it ended."""

    events: list[Event] = field(default_factory=list)

    @property
    def results(self) -> list[Result]:
        return [event for event in self.events if isinstance(event, Result)]

    @property
    def changed(self) -> list[str]:
        return [result.title for result in self.results if result.status == "changed"]

    @property
    def data(self) -> Mapping[str, Any]:
        return {key: value for event in self.events if isinstance(event, Summary) for key, value in event.data.items()}


@dataclass
class World:
    """One installation with its cloud."""

    place: Place
    local: LocalCloud
    engine: BootingEngine
    ssh: Ssh

    def run(self, job: Job) -> Told:
        return Told(list(job))

    def create(self, name: str = "tts-1", dry_run: bool = False, **wish: Any) -> Told:
        return self.run(create_vm(self.place, Wish(name, **wish), dry_run))

    def delete(self, *names: str) -> Told:
        return self.run(delete_vm([(self.place, removal_of(self.place, name)) for name in names]))

    def delete_all(self) -> Told:
        return self.run(delete_vm([(self.place, removal) for removal in removals_of_all(self.place)]))

    def machine(self, name: str = "tts-1") -> Machine | None:
        return find(self.place.cloud, name)

    def rules(self) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in self.place.cloud.rows("list", "Firewalls", "list")}

    def host(self, name: str = "tts-1") -> Host | None:
        return book.find(self.place.folders, name)

    @property
    def known_hosts(self) -> str:
        path = self.place.folders.ssh / "known_hosts"
        return path.read_text() if path.exists() else ""

    def left(self) -> dict[str, Any]:
        """Everything that a machine leaves behind anywhere."""
        return {
            "containers": set(self.engine.containers),
            "rules": set(self.rules()),
            "hosts": set(book.known(self.place.folders)),
            "known_hosts": self.known_hosts,
            "keys": [path.name for path in self.place.folders.keys.glob("*")],
        }


NOTHING = {"containers": set(), "rules": set(), "hosts": set(), "known_hosts": "", "keys": []}


def places(folder: Path) -> Folders:
    return Folders(folder / "state", folder / "cache", folder / "config")


@dataclass
class Shared:
    """One running cloud for all tests; each gets it empty."""

    local: LocalCloud
    engine: BootingEngine
    cloud: Cloud

    def empty(self) -> None:
        """As it was when it was started."""
        for gate in self.engine.gates.values():
            gate.set()
        self.local.machines.remove_everything()
        self.engine.__dict__.clear()
        BootingEngine.__init__(self.engine)


@pytest.fixture(scope="session")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    engine = BootingEngine()
    quick = Patience(tries=3, sleep=lambda seconds: time.sleep(0.002))
    with (
        serve(places(tmp_path_factory.mktemp("cloud")), engine=engine, environment={}) as local,
        closing(anonymous("local", local.endpoint, quick)) as cloud,
    ):
        yield Shared(local, engine, cloud)


@pytest.fixture
def world(_shared: Shared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("provision.machines.arrival.SERIAL_AFTER_S", 0.2)
    monkeypatch.setattr("provision.machines.arrival.KEYS_WITHIN_S", 0.4)
    monkeypatch.setattr("provision.machines.arrival.LOGIN_WITHIN_S", 0.3)
    monkeypatch.setattr("provision.machines.steps.PAUSE_S", 0.01)
    ssh = Ssh()
    monkeypatch.setattr("provision.machines.arrival.connect", ssh.connect)
    place = Place("local", _shared.cloud, places(tmp_path), _shared.local.caller_address)
    yield World(place, _shared.local, _shared.engine, ssh)
    _shared.empty()


@pytest.fixture
def neighbour(world: World, tmp_path: Path) -> World:
    """Another installation, with folders and a key of its own, in the same cloud."""
    return replace(world, place=replace(world.place, folders=places(tmp_path / "elsewhere")))
