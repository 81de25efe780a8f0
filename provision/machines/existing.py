"""What is there already under a name: found, waited for, and refused when it is not ours or not what is asked for."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from provision.errors import UsageProblem
from provision.gce import firewall, instances
from provision.gce.instance import Machine, differences
from provision.machines import book
from provision.machines.clouds import Place
from provision.machines.keys import KeyPair
from provision.machines.lifecycle import ASLEEP
from provision.machines.steps import Done, step
from provision.machines.wish import Plan
from provision.model import Event, Table

AT_REST = ("RUNNING", *ASLEEP)


@dataclass(frozen=True)
class Found:
    """What is there already under the name: the machine, and rows of rules by name."""

    machine: Machine | None
    rules: Mapping[str, Mapping[str, Any]]


def look(place: Place, plan: Plan, keys: KeyPair) -> Generator[Event, None, Found]:
    """What is there, after everything that still moves has come to rest. Refuses what is not ours or different."""
    request = plan.request
    machine = instances.find(place.cloud, request.name)
    zone = machine.zone if machine else request.zone
    moving = instances.unfinished(place.cloud, zone, request.name)
    for operation in moving:
        title = f"wait for the {operation.get('operationType', 'operation')} that is under way"
        yield from step(request.name, title, partial(_rest, place, operation))
    if moving or (machine and machine.status not in AT_REST):
        machine = instances.find(place.cloud, request.name)  # what was seen before may be half a machine
    rules = {rule.name: row for rule in plan.rules if (row := firewall.find(place.cloud, rule.name))}
    _refuse_strangers(request.name, machine, rules, keys)
    table = _differences(plan, machine, rules) if machine else ()
    if table:
        yield Table(f"{request.name} is not what is asked for", ("setting", "it has", "asked for"), table)
        raise _different(place, request.name, table)
    return Found(machine, rules)


def _rest(place: Place, operation: dict[str, Any]) -> Done[None]:
    """How an earlier operation ends is its own: what counts is what is there afterwards."""
    fault = place.cloud.settle(operation)
    return Done(None, data={"failed": fault.message} if fault else {})


def refuse_double(place: Place, name: str) -> None:
    """One name is one host, in whichever cloud."""
    host = book.find(place.folders, name)
    if host is None or book.belongs(place, host.vars):
        return
    cloud = host.vars.get("provision_cloud")
    raise UsageProblem(
        f"the name {name} is taken in {place.folders.inventory}",
        f"by a machine in the cloud `{cloud}`" if cloud else "by a host that was not made here",
        f"choose another name, or `provision delete-vm {name} --cloud {cloud}` first"
        if cloud
        else "choose another name",
    )


def _refuse_strangers(
    name: str, machine: Machine | None, rules: Mapping[str, Mapping[str, Any]], keys: KeyPair
) -> None:
    if machine and not machine.made_by(keys.public):
        raise UsageProblem(
            f"the name {name} is taken by a machine that was not made here",
            f"it is in {machine.zone}, and it does not carry our label and key",
            "choose another name",
        )
    foreign = [rule for rule, row in rules.items() if not firewall.is_ours(row, name, keys.public)]
    if foreign:
        raise UsageProblem(
            f"the firewall rule {foreign[0]} was not made here", "it is in the way of our own", "choose another name"
        )


def _differences(
    plan: Plan, machine: Machine, rules: Mapping[str, Mapping[str, Any]]
) -> tuple[tuple[str, str, str], ...]:
    """Where machine and rules differ from what is asked for. Another address of yours is no difference."""
    told = list(differences(plan.request, machine))
    for rule in plan.rules:
        row = rules.get(rule.name)
        if row is None:
            continue
        asked, has = _spoken(rule.sources, rule.ranges), _spoken(firewall.sources_of(row), firewall.ranges_of(row))
        pairs = (
            (f"allow ({rule.purpose})", has, asked),
            (f"port ({rule.purpose})", ",".join(firewall.ports_of(row)), str(rule.port)),
        )
        told += [pair for pair in pairs if pair[1] != pair[2]]
    return tuple(told)


def _spoken(sources: str, ranges: tuple[str, ...]) -> str:
    return "your address" if sources == "caller" else ", ".join(ranges)


def _different(place: Place, name: str, table: tuple[tuple[str, str, str], ...]) -> UsageProblem:
    return UsageProblem(
        f"{name} exists and differs in {', '.join(row[0] for row in table)}",
        "; ".join(f"{setting}: it has {has or 'none'}, asked for {asked or 'none'}" for setting, has, asked in table),
        f"ask for what it has{_or_firewall(name, table)}, take another name, or first "
        f"`provision delete-vm {name}{place.flags}`",
    )


def _or_firewall(name: str, table: tuple[tuple[str, str, str], ...]) -> str:
    """Who may come in can be changed without a new machine."""
    only = all(row[0].startswith("allow") for row in table)
    return f", change it by `provision firewall {name} --mine` or `--allow CIDR`" if only else ""
