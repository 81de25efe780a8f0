"""A machine's place in the tool's own inventory: what every other command needs to reach it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from provision.gce.hostkeys import alias
from provision.gce.instance import Machine
from provision.inventory import Host, load
from provision.inventory.book import MachineEntry, remember
from provision.machines.clouds import Place, inside_of, likely_kind
from provision.machines.keys import KeyPair
from provision.model import Job
from provision.settings import Folders, Settings

GROUP = "tts"


def entry(place: Place, machine: Machine, keys: KeyPair, service_port: int) -> MachineEntry:
    """The entry, plain Ansible: any Ansible reaches the machine with it."""
    folders = place.folders
    options = {
        "UserKnownHostsFile": _quoted(str(folders.ssh / "known_hosts")),
        "HostKeyAlias": alias(machine.id),
        "StrictHostKeyChecking": "yes",
    }
    variables: dict[str, Any] = {
        "ansible_host": machine.reachable_at,
        "ansible_port": 22,
        "ansible_user": machine.user,
        "ansible_ssh_private_key_file": str(keys.private),
        "ansible_ssh_common_args": " ".join(f"-o {name}={value}" for name, value in options.items()),
        "provision_cloud": place.kind,
        "provision_project": place.cloud.project,
        "provision_zone": machine.zone,
        "provision_gpu": machine.gpu,
        "provision_instance_id": machine.id,
        "provision_service_port": service_port,
        "moshi_api_key_file": str(folders.keys / f"{machine.name}.key"),
    }
    return MachineEntry(machine.name, variables, (GROUP,))


def _quoted(path: str) -> str:
    """The path inside an option: Ansible splits the options like a shell, and ssh splits the value at blanks again."""
    return f"'\"{path}\"'" if " " in path else path


def known(folders: Folders) -> Mapping[str, Mapping[str, Any]]:
    """Name -> variables of the machines that the inventory has from us."""
    hosts = load([str(folders.inventory)]).hosts if folders.inventory.is_file() else {}
    return {name: host.vars for name, host in hosts.items() if "provision_instance_id" in host.vars}


def at_machine(
    name: str, settings: Settings, folders: Folders, job: Callable[[Place], Job], is_new: bool = False
) -> Job:
    """The job in the cloud that the machine is in, by the settings or by what the inventory says of it.

    Where neither knows, a new machine is Google's, and one that should be there is looked for where it is likely.
    """
    unknown = "gce" if is_new else likely_kind(settings, folders)
    return inside_of(settings, folders, known(folders).get(name, {}), job, unknown)


def find(folders: Folders, name: str) -> Host | None:
    """The host of that name in our inventory."""
    return load([str(folders.inventory)]).hosts.get(name) if folders.inventory.is_file() else None


def written(folders: Folders, wanted: MachineEntry) -> bool:
    """Make the inventory say it; False when it did already."""
    before = find(folders, wanted.name)
    if before and all(before.vars.get(key) == value for key, value in wanted.vars.items()):
        return False
    # What a deploy has chosen for the host stays; a new address is no reason to forget it.
    chosen = {key: value for key, value in before.own.items() if key.startswith("moshi_")} if before else {}
    remember(folders.inventory, replace(wanted, vars={**chosen, **wanted.vars}))
    return True


def belongs(place: Place, variables: Mapping[str, Any]) -> bool:
    """Whether an entry stands for a machine of that cloud and project."""
    here = (place.kind, place.cloud.project)
    return (variables.get("provision_cloud"), variables.get("provision_project")) == here


def service_port(folders: Folders, name: str, default: int = 8080) -> int:
    """The port that the machine's rule was made for."""
    return int(known(folders).get(name, {}).get("provision_service_port", default))


def remember_port(folders: Folders, name: str, port: int) -> None:
    """The service is behind another port from now on."""
    host = find(folders, name)
    if host and host.own.get("provision_service_port") not in (None, port):
        remember(folders.inventory, MachineEntry(name, {**host.own, "provision_service_port": port}, (GROUP,)))
