"""The network of one cloud: a Docker bridge with a subnet of its own, there for as long as a machine is."""

from __future__ import annotations

import itertools
from ipaddress import IPv4Network
from pathlib import Path
from typing import Protocol

from provision.errors import ProvisionError
from provision.local.docker_engine import Network, SubnetTaken
from provision.local.locks import lock
from provision.local.store import Store
from provision.local.subnets import candidates, is_free


class Networks(Protocol):
    """What the bridge asks of the Docker door."""

    def network(self, name: str) -> Network | None: ...
    def make_network(self, network: Network, owner: str) -> None: ...
    def remove_network(self, name: str) -> None: ...


class Bridge:
    """Made with the first machine, gone with the last; its subnet is remembered in between."""

    def __init__(self, engine: Networks, store: Store, folder: Path, owner: str) -> None:
        self._engine = engine
        self._store = store
        self._folder = folder
        self._owner = owner
        self._name = f"provision-{owner}"

    def network(self) -> Network:
        """The network of this cloud, made when it is not there."""
        with lock(self._folder / "locks" / "network"):
            return self._engine.network(self._name) or self._make_network()

    def caller_address(self) -> str:
        """What machines see when this computer connects to them; no network is made for the answer."""
        with lock(self._folder / "locks" / "network"):
            found = self._engine.network(self._name)
            return found.gateway if found else self._network_on(self._reserved_subnet()).gateway

    def forget(self) -> None:
        """Remove the network when no machine is left; it comes back with the next one."""
        with lock(self._folder / "locks" / "network"):
            if not self._has_machines():
                self._engine.remove_network(self._name)

    def _make_network(self) -> Network:
        reserved = self._reserved_subnet()
        others = () if self._has_addresses() else candidates(self._owner)
        for subnet in itertools.chain((reserved,), others):
            network = self._network_on(subnet)
            try:
                self._engine.make_network(network, self._owner)
            except SubnetTaken:
                continue
            self._remember_subnet(subnet)
            return network
        raise ProvisionError("no subnet for the local cloud", f"{reserved} is in use", "docker network ls")

    def _reserved_subnet(self) -> IPv4Network:
        """The subnet of before, when machines have addresses in it or nothing else has taken it; else a free one."""
        with self._store.read() as transaction:
            before = transaction.setting("subnet")
        if before and (self._has_addresses() or is_free(IPv4Network(before))):
            return IPv4Network(before)
        chosen = next(candidates(self._owner))
        self._remember_subnet(chosen)
        return chosen

    def _network_on(self, subnet: IPv4Network) -> Network:
        return Network(self._name, str(subnet), str(subnet[1]))

    def _remember_subnet(self, subnet: IPv4Network) -> None:
        with self._store.write() as transaction:
            transaction.set("subnet", str(subnet))

    def _has_addresses(self) -> bool:
        with self._store.read() as transaction:
            return bool(transaction.addresses())

    def _has_machines(self) -> bool:
        with self._store.read() as transaction:
            return bool(transaction.all("instances"))
