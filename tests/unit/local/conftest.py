"""A cloud over the fake engine, and a client whose every request and answer Google's discovery document judges."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from provision.local.api.app import app
from provision.local.api.call import Cloud
from provision.local.machines import Machines
from provision.local.operations import Operations
from provision.local.server import actions
from provision.local.store import Fault, Store
from tests.unit.local import discovery
from tests.unit.local.asgi import Asgi
from tests.unit.local.fake_engine import FakeEngine

ZONE = "us-central1-a"
KEY = "operator:ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIexample operator@desk"


@dataclass
class Answer:
    """What came back."""

    code: int
    body: dict[str, Any]

    @property
    def message(self) -> str:
        return str(self.body["error"]["message"])

    @property
    def reason(self) -> str:
        return str(self.body["error"]["errors"][0]["reason"])


@dataclass
class Client:
    """Calls the API by method and path under the project; `calls` are the ids of the methods it used."""

    http: Asgi
    calls: set[str] = field(default_factory=set)

    def __call__(self, method: str, path: str, body: Any = None, project: str = "local", **query: Any) -> Answer:
        whole = f"projects/{project}/{path}".rstrip("/")
        found = discovery.method(method, whole)
        assert found is not None, f"Google has no {method} {whole}"
        self.calls.add(found[0])
        _check_request(found[1], body, query)
        raw = b"" if body is None else json.dumps(body).encode()
        code, text = self.http.request(method, f"/compute/v1/{whole}", raw, query)
        answer = Answer(code, json.loads(text))
        if answer.code == 200 and "response" in found[1]:
            assert discovery.faults(found[1]["response"]["$ref"], answer.body) == []
        return answer

    def done(self, answer: Answer) -> dict[str, Any]:
        """The operation when it is over."""
        assert answer.code == 200, answer.body
        link = answer.body["selfLink"].partition("projects/local/")[2]
        until = time.monotonic() + 10
        body = answer.body
        while body["status"] != "DONE":
            assert time.monotonic() < until, "the operation does not end"
            body = self("POST", f"{link}/wait").body
        return body

    def create(self, name: str = "vm1", zone: str = ZONE, **fields: Any) -> dict[str, Any]:
        """An instance that is up; its document."""
        operation = self.done(self("POST", f"zones/{zone}/instances", instance(name, zone, **fields)))
        assert "error" not in operation, operation
        return self("GET", f"zones/{zone}/instances/{name}").body


def _check_request(method: dict[str, Any], body: Any, query: dict[str, Any]) -> None:
    assert set(query) <= set(method.get("parameters", {})), f"unknown parameters for {method['id']}: {query}"
    if body is not None and "request" in method:
        assert discovery.faults(method["request"]["$ref"], body) == []


def instance(name: str = "vm1", zone: str = ZONE, **fields: Any) -> dict[str, Any]:
    """A request for a small machine that can be reached and has a key."""
    return {
        "name": name,
        "machineType": f"zones/{zone}/machineTypes/e2-standard-4",
        "disks": [
            {
                "boot": True,
                "autoDelete": True,
                "initializeParams": {"sourceImage": "projects/debian-cloud/global/images/family/debian-12"},
            }
        ],
        "networkInterfaces": [
            {
                "network": "global/networks/default",
                "accessConfigs": [{"type": "ONE_TO_ONE_NAT", "name": "External NAT"}],
            }
        ],
        "metadata": {"items": [{"key": "ssh-keys", "value": KEY}, {"key": "enable-guest-attributes", "value": "TRUE"}]},
        **fields,
    }


def gpu_instance(name: str = "vm1", zone: str = ZONE, **fields: Any) -> dict[str, Any]:
    """A request for a machine with an L4."""
    wanted = {
        "machineType": f"zones/{zone}/machineTypes/g2-standard-8",
        "scheduling": {"onHostMaintenance": "TERMINATE", "automaticRestart": True},
    }
    return instance(name, zone, **{**wanted, **fields})


def rule(name: str = "allow-ssh", **fields: Any) -> dict[str, Any]:
    """A request for a firewall rule."""
    return {
        "name": name,
        "allowed": [{"IPProtocol": "tcp", "ports": ["22"]}],
        "sourceRanges": ["10.0.0.1/32"],
        **fields,
    }


@dataclass
class World:
    """A cloud with everything behind it."""

    folder: Path
    engine: FakeEngine
    store: Store
    machines: Machines
    operations: Operations
    client: Client

    def order(self, kind: str, place: str = "", times: int = 1, **particulars: Any) -> None:
        with self.store.write() as transaction:
            transaction.add_fault(Fault(kind, place, times, particulars))

    def container(self, name: str = "vm1", zone: str = ZONE) -> str:
        return self.machines.container(zone, name)

    def firewall_of(self, name: str = "vm1", zone: str = ZONE) -> str:
        """The rules in the machine, without the indentation."""
        text = self.engine.files[self.container(name, zone)]["/etc/provision-machine/firewall.nft"].text
        return re.sub(r"\n +", "\n", text)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with opened(tmp_path / "state", FakeEngine()) as made:
        yield made


class opened:
    """A world in a folder, for as long as the context lasts."""

    def __init__(self, folder: Path, engine: FakeEngine) -> None:
        self._store = Store(folder / "cloud.sqlite3")
        machines = Machines(engine, self._store, folder, {})
        self._operations = Operations(self._store, actions(machines))
        cloud = Cloud(self._store, machines, self._operations)
        client = Client(Asgi(app(cloud)))
        self._world = World(folder, engine, self._store, machines, self._operations, client)

    def __enter__(self) -> World:
        return self._world

    def __exit__(self, *_: object) -> None:
        self._operations.close(5)
        self._store.close()


@pytest.fixture
def call(world: World) -> Client:
    return world.client
