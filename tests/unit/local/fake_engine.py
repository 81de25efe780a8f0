"""A Docker door without Docker: remembers what it was asked for, boots machines at once, fails where told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from provision.errors import ProvisionError
from provision.local.docker_engine import Container, File, Network, State, SubnetTaken

HOST_KEYS = {"hostkeys/ssh-ed25519": b"AAAAC3NzaC1lZDI1NTE5AAAAIfakefakefake"}


class FakeEngine:
    """Keeps containers, networks and images in dictionaries."""

    def __init__(self) -> None:
        self.images: set[str] = set()
        self.networks: dict[str, Network] = {}
        self.containers: dict[str, Container] = {}
        self.running: dict[str, bool] = {}
        self.files: dict[str, dict[str, File]] = {}
        self.commands: list[tuple[str, tuple[str, ...]]] = []
        self.calls: list[str] = []
        self.taken_subnets: set[str] = set()
        self.failures: dict[str, ProvisionError] = {}
        self.command_results: dict[str, tuple[int, str]] = {}
        self.dies_at_boot = False
        self.gates: dict[str, threading.Event] = {}
        self.entered: dict[str, threading.Event] = {}
        self.registry = True
        self.closed = False
        self.on_build: Callable[[Path], None] = lambda context: None

    def gate(self, call: str) -> threading.Event:
        """Let that call wait until the event is set; `entered[call]` says that it waits."""
        self.entered[call] = threading.Event()
        self.gates[call] = threading.Event()
        return self.gates[call]

    def _begin(self, call: str) -> None:
        self.calls.append(call)
        if call in self.gates:
            self.entered[call].set()
            assert self.gates[call].wait(10), f"nobody opened the gate of {call}"
        if call in self.failures:
            raise self.failures[call]

    # Images

    def has_image(self, tag: str) -> bool:
        return tag in self.images

    def pull(self, image: str, patience_s: float) -> bool:
        self._begin("pull")
        if self.registry:
            self.images.add(image)
        return self.registry

    def import_image(self, archive: Path, tag: str) -> None:
        self._begin("import_image")
        self.images.add(tag)

    def build(self, context: Path, tag: str) -> None:
        self._begin("build")
        self.on_build(context)
        self.images.add(tag)

    # Networks

    def network(self, name: str) -> Network | None:
        return self.networks.get(name)

    def make_network(self, network: Network, owner: str) -> None:
        self._begin("make_network")
        if network.subnet in self.taken_subnets:
            raise SubnetTaken(network.subnet)
        self.networks[network.name] = network

    def remove_network(self, name: str) -> None:
        self._begin("remove_network")
        self.networks.pop(name, None)

    # Machines

    def create(self, container: Container) -> None:
        self._begin("create")
        self.containers[container.name] = container
        self.running[container.name] = False
        self.files[container.name] = {}

    def start(self, name: str) -> None:
        self._begin("start")
        self._known(name)
        self.running[name] = not self.dies_at_boot

    def stop(self, name: str, patience_s: int) -> None:
        self._begin("stop")
        self._known(name)
        self.running[name] = False

    def restart(self, name: str) -> None:
        self._begin("restart")
        self._known(name)
        self.running[name] = True

    def remove(self, name: str) -> None:
        self._begin("remove")
        for kept in (self.containers, self.running, self.files):
            kept.pop(name, None)

    def remove_all(self, owner: str) -> tuple[int, int, int]:
        self._begin("remove_all")
        mine = [name for name, container in self.containers.items() if container.owner == owner]
        for name in mine:
            self.remove(name)
        networks = len(self.networks)
        self.networks.clear()
        return len(mine), sum(1 for _ in mine) * 4, networks

    def states(self, owner: str) -> Mapping[str, State]:
        self._begin("states")
        return {name: "running" if self.running[name] else "stopped" for name in list(self.containers)}

    def write(self, name: str, files: Mapping[str, File]) -> None:
        self._begin("write")
        self._known(name)
        self.files[name].update(files)

    def read(self, name: str, folder: str) -> Mapping[str, bytes]:
        self._begin("read")
        return HOST_KEYS if self.running.get(name) else {}

    def run(self, name: str, command: Sequence[str]) -> tuple[int, str]:
        self._begin("run")
        self._known(name)
        self.commands.append((name, tuple(command)))
        return self.command_results.get(command[0], (0, ""))

    def console(self, name: str) -> bytes:
        return b"[  OK  ] Started ssh.service\r\nDebian GNU/Linux 12\r\n" if name in self.containers else b""

    def close(self) -> None:
        self.closed = True

    def _known(self, name: str) -> None:
        if name not in self.containers:
            raise ProvisionError(f"Docker does not know the container {name}", "No such container")
