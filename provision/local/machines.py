"""The life of a machine: what each operation on an instance does to its container, and how it is undone."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from provision.errors import ProvisionError
from provision.local import faults, image, trust
from provision.local.answers import OperationFailure
from provision.local.bridge import Bridge, Networks
from provision.local.catalogue import pci_devices
from provision.local.docker_engine import INSTANCE, Container, File, Network, State
from provision.local.firewall import Machine, nftables
from provision.local.locks import lock
from provision.local.mirrors import of_this_computer
from provision.local.store import Body, Store
from provision.local.subnets import next_address

SETTINGS = "/etc/provision-machine"
FIREWALL = f"{SETTINGS}/firewall.nft"
STOP_PATIENCE_S = 30
_VOLUMES = {
    "cache": "/var/cache",
    "docker": "/var/lib/docker",
    "opt": "/opt",
    "moshi-server": "/var/lib/moshi-server",
}

Report = Callable[[int, str], None]


class Engine(image.Builder, Networks, Protocol):
    """What machines ask of the Docker door."""

    def create(self, container: Container) -> None: ...
    def start(self, name: str) -> None: ...
    def stop(self, name: str, patience_s: int) -> None: ...
    def restart(self, name: str) -> None: ...
    def remove(self, name: str) -> None: ...
    def remove_all(self, owner: str) -> tuple[int, int, int]: ...
    def states(self, owner: str) -> Mapping[str, State]: ...
    def write(self, name: str, files: Mapping[str, File]) -> None: ...
    def read(self, name: str, folder: str) -> Mapping[str, bytes]: ...
    def run(self, name: str, command: Sequence[str]) -> tuple[int, str]: ...
    def console(self, name: str) -> bytes: ...
    def close(self) -> None: ...


def owner_of(folder: Path) -> str:
    """The name under which Docker knows the things of one state folder."""
    return hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:10]


class Machines:
    """The machines of one state folder. Every method may be repeated: what is done already is left as it is."""

    def __init__(self, engine: Engine, store: Store, folder: Path, environment: Mapping[str, str] = os.environ) -> None:
        self._engine = engine
        self._store = store
        self._folder = folder
        self._environment = environment
        self._closing = threading.Event()
        self.owner = owner_of(folder)
        self.bridge = Bridge(engine, store, folder, self.owner)

    # Operations on one instance: (zone, name) and a way to tell how far it is

    def create(self, zone: str, name: str, report: Report) -> None:
        """From an accepted request to a running machine."""
        faults.check_creation(self._store, zone, name)
        tag = self._image(report)
        network = self.bridge.network()
        report(85, "starting the machine")
        faults.pause_if_slow(self._store, zone, name)
        with self._locked(zone, name):
            instance = self._staged(zone, name, network)
            self._engine.remove(self.container(zone, name))
            self._engine.create(self._container(zone, instance, tag, network))
            self._engine.write(self.container(zone, name), self._files(instance))
            self._engine.start(self.container(zone, name))
            self._expect_running(zone, name)
            self._set(zone, name, status="RUNNING", lastStartTimestamp=timestamp())
        self._tell_neighbours(report)

    def discard(self, zone: str, name: str) -> None:
        """Take back what a creation that failed had made."""
        self.delete(zone, name, _quietly)

    def delete(self, zone: str, name: str, report: Report) -> None:
        """The machine, its disks and its address."""
        with self._locked(zone, name):
            self._engine.remove(self.container(zone, name))
            with self._store.write() as transaction:
                body = transaction.get("instances", zone, name)
                if body is not None:
                    transaction.release_address(body["id"])
                    transaction.drop("instances", zone, name)
        self._tell_neighbours(report)
        self.bridge.forget()

    def start(self, zone: str, name: str, report: Report) -> None:
        with self._locked(zone, name):
            self._write_settings(zone, name)
            self._engine.start(self.container(zone, name))
            self._expect_running(zone, name)
            self._set(zone, name, status="RUNNING", lastStartTimestamp=timestamp())

    def stop(self, zone: str, name: str, report: Report) -> None:
        with self._locked(zone, name):
            self._engine.stop(self.container(zone, name), STOP_PATIENCE_S)
            self._set(zone, name, status="TERMINATED", lastStopTimestamp=timestamp())

    def reset(self, zone: str, name: str, report: Report) -> None:
        """The power button: no shutdown."""
        with self._locked(zone, name):
            self._write_settings(zone, name)
            self._engine.restart(self.container(zone, name))
            self._expect_running(zone, name)
            self._set(zone, name, status="RUNNING", lastStartTimestamp=timestamp())

    def settle(self, zone: str, name: str) -> None:
        """After an operation that ended badly: the status is what the container is."""
        running = self.states().get(self.container(zone, name)) == "running"
        self._set(zone, name, status="RUNNING" if running else "TERMINATED")

    def push(self, zone: str, name: str, report: Report) -> None:
        """Changed metadata or tags reach the machine; a stopped one reads them when it starts."""
        self.apply_firewall(report)
        with self._locked(zone, name):
            if self._is_running(zone, name):
                self._write_settings(zone, name)
                self._expect(zone, name, ["/usr/local/sbin/provision-machine", "accounts"], "its accounts")

    def apply_firewall(self, report: Report) -> None:
        """The rules as they are now, in every machine."""
        for zone, body in self._instances():
            with self._locked(zone, body["name"]):
                if self._is_running(zone, body["name"]):
                    self._write_settings(zone, body["name"])
                    self._expect(zone, body["name"], ["nft", "-f", FIREWALL], "its firewall")

    # What is asked about machines

    def container(self, zone: str, name: str) -> str:
        return f"provision-{self.owner}-{zone}-{name}"

    def states(self) -> Mapping[str, State]:
        return self._engine.states(self.owner)

    def guest_attributes(self, zone: str, name: str) -> dict[str, str]:
        """What the guest has published, by `NAMESPACE/KEY`."""
        found = self._engine.read(self.container(zone, name), f"{SETTINGS}/guest-attributes")
        return {path: content.decode(errors="replace") for path, content in sorted(found.items())}

    def console(self, zone: str, name: str) -> bytes:
        return self._engine.console(self.container(zone, name))

    def remove_everything(self) -> tuple[int, int, int]:
        """Containers, volumes and networks of this cloud, and its rows."""
        counts = self._engine.remove_all(self.owner)
        with self._store.write() as transaction:
            transaction.clear()
        return counts

    def close(self) -> None:
        """Give up what takes long."""
        self._closing.set()

    # Parts

    def _image(self, report: Report) -> str:
        recipe = image.Recipe(of_this_computer(image.RELEASE))
        with lock(self._folder / "locks" / "image"):
            for progress in image.ensure(self._engine, recipe, self._folder / "build", self._closing):
                report(progress.percent, progress.text)
        return recipe.tag

    def _tell_neighbours(self, report: Report) -> None:
        """Rules that name their sources by tag change with every machine that comes or goes."""
        with self._store.read() as transaction:
            by_tag = any(rule.get("sourceTags") for _, rule in transaction.all("firewalls"))
        if by_tag:
            self.apply_firewall(report)

    def _staged(self, zone: str, name: str, network: Network) -> Body:
        """The instance with its address; a repeated attempt keeps the one it has."""
        with self._store.write() as transaction:
            body = transaction.get("instances", zone, name)
            if body is None:
                raise OperationFailure("RESOURCE_NOT_FOUND", f"The instance {name} was deleted meanwhile", 404)
            transaction.release_address(body["id"])
            last = transaction.setting("last_address") or ""
            address = next_address(network.subnet, transaction.addresses(), last)
            if address is None:
                raise OperationFailure("IP_SPACE_EXHAUSTED", f"IP space of '{network.subnet}' is exhausted.")
            transaction.take_address(address, body["id"])
            transaction.set("last_address", address)
            staged = {**body, "status": "STAGING", "networkInterfaces": _addressed(body["networkInterfaces"], address)}
            transaction.put("instances", zone, name, staged)
        return staged

    def _container(self, zone: str, body: Body, tag: str, network: Network) -> Container:
        name = self.container(zone, body["name"])
        return Container(
            name=name,
            hostname=body["name"],
            image=tag,
            network=network.name,
            address=address_of(body),
            volumes={f"{name}-{volume}": path for volume, path in _VOLUMES.items()},
            owner=self.owner,
            labels={INSTANCE: body["id"], "provision.zone": zone, "provision.name": body["name"]},
        )

    def _files(self, body: Body) -> dict[str, File]:
        """What a machine is given before its first boot."""
        return {
            **trust.certificate_files(self._environment),
            **trust.proxy_files(self._environment),
            f"{SETTINGS}/pci.json": File(json.dumps(pci_devices(body.get("guestAccelerators") or []), indent=1) + "\n"),
            **self._settings(body),
        }

    def _settings(self, body: Body) -> dict[str, File]:
        """What may change while it lives."""
        items = {item["key"]: item.get("value", "") for item in body["metadata"].get("items") or ()}
        return {
            FIREWALL: File(self._firewall_of(body)),
            f"{SETTINGS}/metadata.json": File(json.dumps(items), 0o600),
        }

    def _firewall_of(self, body: Body) -> str:
        with self._store.read() as transaction:
            rules = [rule for _, rule in transaction.all("firewalls")]
            others = [other for _, other in transaction.all("instances")]
        return nftables(rules, _filtered(body), [_filtered(other) for other in others if address_of(other)])

    def _write_settings(self, zone: str, name: str) -> None:
        with self._store.read() as transaction:
            body = transaction.get("instances", zone, name)
        if body is not None:
            self._engine.write(self.container(zone, name), self._settings(body))

    def _expect(self, zone: str, name: str, command: Sequence[str], what: str) -> None:
        code, output = self._engine.run(self.container(zone, name), command)
        if code != 0:
            raise ProvisionError(f"{name} did not take {what}", f"`{' '.join(command)}` exited {code}: {output[-500:]}")

    def _expect_running(self, zone: str, name: str) -> None:
        if not self._is_running(zone, name):
            tail = self.console(zone, name).decode(errors="replace")[-500:]
            raise ProvisionError(f"the machine {name} went off while it booted", tail)

    def _is_running(self, zone: str, name: str) -> bool:
        return self.states().get(self.container(zone, name)) == "running"

    def _instances(self) -> list[tuple[str, Body]]:
        with self._store.read() as transaction:
            return transaction.all("instances")

    def _set(self, zone: str, name: str, **fields: Any) -> None:
        with self._store.write() as transaction:
            transaction.change("instances", zone, name, **fields)

    @contextmanager
    def _locked(self, zone: str, name: str) -> Iterator[None]:
        with lock(self._folder / "locks" / f"machine-{zone}-{name}"):
            yield


def address_of(body: Body) -> str:
    """The address of a machine, empty before it has one."""
    return str(body["networkInterfaces"][0].get("networkIP", ""))


def timestamp() -> str:
    """Now, as Google writes it."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}+00:00"


def _filtered(body: Body) -> Machine:
    return Machine(address_of(body), frozenset(body["tags"].get("items") or ()))


def _addressed(interfaces: list[Body], address: str) -> list[Body]:
    """The same address inside and outside; outside only where an external one was asked for."""
    first = {**interfaces[0], "networkIP": address}
    if first.get("accessConfigs"):
        first["accessConfigs"] = [{**config, "natIP": address} for config in first["accessConfigs"]]
    return [first, *interfaces[1:]]


def _quietly(percent: int, text: str) -> None:
    """A report that nobody reads."""
