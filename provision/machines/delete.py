"""delete-vm: takes away what create-vm has made, and nothing else; parts that are gone already are no trouble."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from provision.errors import Interrupted, UsageProblem
from provision.gce import firewall, hostkeys, instances
from provision.gce.instance import Machine
from provision.inventory.book import forget
from provision.machines import book
from provision.machines.clouds import Kind, Place
from provision.machines.keys import public_key
from provision.machines.steps import Done, step
from provision.model import Job, Note, Result, Summary
from provision.settings import Folders


@dataclass(frozen=True)
class Removal:
    """Everything that goes with one name. Parts that are not there are empty."""

    name: str
    machine: Machine | None = None
    rules: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    listed: bool = False
    key: Path | None = None

    def __bool__(self) -> bool:
        return bool(self.machine or self.rules or self.trusted or self.listed or self.key)

    @property
    def parts(self) -> tuple[str, ...]:
        """What goes, for the reader."""
        machine = self.machine
        return (
            *((f"machine {machine.name} in {machine.zone} with its boot disk",) if machine else ()),
            *(f"firewall rule {rule}" for rule in self.rules),
            *("pinned host key" for _ in self.trusted),
            *(("inventory entry",) if self.listed else ()),
            *((f"API key {self.key}",) if self.key else ()),
        )


def removal_of(place: Place, name: str) -> Removal:
    """What there is under that name. A machine that was not made here is refused; a name without anything too."""
    ours = public_key(place.folders.ssh)
    machine = instances.find(place.cloud, name)
    if machine and not machine.made_by(ours):
        raise UsageProblem(
            f"{name} was not made here, so it is not removed here",
            "it does not carry our label and key",
            f"`gcloud compute instances delete {name} --zone {machine.zone}`" if place.kind == "gce" else "",
        )
    rules = tuple(str(row["name"]) for row in firewall.of_machine(place.cloud, name, ours))
    removal = _with_traces(place, Removal(name, machine, rules))
    if not removal:
        raise _unknown(place, name)
    return removal


def removals_of_all(place: Place) -> tuple[Removal, ...]:
    """Everything that this installation has in that cloud, remains of machines that are gone included."""
    ours = public_key(place.folders.ssh)
    machines = {machine.name: machine for machine in instances.ours(place.cloud, ours)}
    rules = firewall.ours_by_machine(place.cloud, ours)
    listed = {name for name, variables in book.known(place.folders).items() if book.belongs(place, variables)}
    names = sorted({*machines, *rules, *listed})
    return tuple(_with_traces(place, Removal(name, machines.get(name), rules.get(name, ()))) for name in names)


def _with_traces(place: Place, removal: Removal) -> Removal:
    """What lies in our own folders about a machine of this cloud."""
    variables = book.known(place.folders).get(removal.name)
    elsewhere = variables is not None and not book.belongs(place, variables)
    ids = {str((variables or {}).get("provision_instance_id", ""))} if not elsewhere else set()
    ids |= {removal.machine.id} if removal.machine else set()
    known_hosts = place.folders.ssh / "known_hosts"
    key = place.folders.keys / f"{removal.name}.key"
    return Removal(
        removal.name,
        removal.machine,
        removal.rules,
        tuple(sorted(one for one in ids if one and hostkeys.pinned(known_hosts, one))),
        listed=variables is not None and not elsewhere,
        key=key if key.is_file() and not elsewhere else None,
    )


def _unknown(place: Place, name: str) -> UsageProblem:
    known = [machine.name for machine in instances.ours(place.cloud, public_key(place.folders.ssh))]
    return unknown_machine(name, known or list(book.known(place.folders)), place.kind)


def unknown_machine(name: str, known: list[str], kind: Kind) -> UsageProblem:
    """The error for a machine that is not there, with the nearest name."""
    near = difflib.get_close_matches(name, known, n=1)
    other = "local" if kind == "gce" else "gce"
    hint = f"did you mean `{near[0]}`?" if near else f"`provision list` shows all; another cloud: `--cloud {other}`"
    return UsageProblem(f"there is no machine `{name}`", "nothing of it is left, neither here nor in the cloud", hint)


def delete_vm(removals: Sequence[tuple[Place, Removal]], dry_run: bool = False) -> Job:
    """Remove them one after the other."""
    for place, removal in removals:
        yield from _foretold(removal) if dry_run else _removed(place, removal)
    told = [_data(removal) for _, removal in removals]
    yield Summary({"removed": told, **({"dry_run": True} if dry_run else {})})
    if not removals:
        yield Note("there is nothing to remove")


def _data(removal: Removal) -> dict[str, Any]:
    return {
        "name": removal.name,
        "machine": removal.machine is not None,
        "firewall_rules": list(removal.rules),
        "inventory": removal.listed,
        "key": str(removal.key or ""),
    }


def _foretold(removal: Removal) -> Job:
    for part in removal.parts:
        yield Result(removal.name, f"remove {part}", "changed", data={"dry_run": True})


def _removed(place: Place, removal: Removal) -> Job:
    """The costly part first; the traces here last, so that an interrupted removal is still found by its name."""
    name = removal.name
    try:
        for operation in instances.unfinished(place.cloud, removal.machine.zone, name) if removal.machine else ():
            title = f"wait for the {operation.get('operationType', 'operation')} that is under way"
            yield from step(name, title, partial(_rest, place, operation))
        if removal.machine:
            yield from step(name, "delete the machine", partial(_machine_gone, place, removal.machine), 15)
        if removal.rules:
            yield from step(name, "delete its firewall rules", partial(_rules_gone, place, removal.rules), 10)
        if removal.trusted or removal.listed or removal.key:
            yield from step(name, "forget it here", partial(_forgotten, place.folders, removal))
    except KeyboardInterrupt as interrupt:
        raise Interrupted(
            "interrupted",
            f"parts of {name} may be left; the machine costs money while it is there",
            f"`provision delete-vm {name}{place.flags}` again",
        ) from interrupt


def _rest(place: Place, operation: dict[str, Any]) -> Done[None]:
    place.cloud.settle(operation)
    return Done(None)


def _machine_gone(place: Place, machine: Machine) -> Done[None]:
    if instances.get(place.cloud, machine.zone, machine.name) is None:
        return Done(None)
    instances.delete(place.cloud, machine)
    return Done(None, changed=True, data={"instance_id": machine.id})


def _rules_gone(place: Place, rules: tuple[str, ...]) -> Done[None]:
    there = [rule for rule in rules if firewall.find(place.cloud, rule)]
    for rule in there:
        firewall.delete(place.cloud, rule)
    return Done(None, changed=bool(there), data={"rules": there})


def _forgotten(folders: Folders, removal: Removal) -> Done[None]:
    for one in removal.trusted:
        hostkeys.unpin(folders.ssh / "known_hosts", one)
    if removal.key:
        removal.key.unlink(missing_ok=True)
    if removal.listed:
        forget(folders.inventory, removal.name)
    return Done(None, changed=True)
