"""create-vm: a machine, its firewall rules, a host key we trust, and its place in the inventory."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from provision.errors import Interrupted, UsageProblem
from provision.gce import firewall, instances
from provision.gce.faults import CloudError
from provision.gce.firewall import Rule
from provision.gce.instance import Machine, differences, spell_duration
from provision.machines import arrival, book
from provision.machines.clouds import Place
from provision.machines.keys import KeyPair, key_pair
from provision.machines.lifecycle import ASLEEP, awake
from provision.machines.steps import Done, step
from provision.machines.wish import Plan, Wish, make_plan
from provision.model import Event, Job, Note, Progress, Result, Step, Summary, Table

CHECK = "check what is asked for"
RULES = "open the firewall to you alone"
MACHINE = "create the machine"
KNOWN = "pin its host key"
REACHED = "log in over SSH"
WRITTEN = "write it into the inventory"


@dataclass(frozen=True)
class Found:
    """What is there already under the name: the machine, and rows of rules by name."""

    machine: Machine | None
    rules: Mapping[str, Mapping[str, Any]]


def create_vm(place: Place, wish: Wish, dry_run: bool = False) -> Job:
    """Make the machine, or find it as wanted. Whatever an interrupted run has left is taken up where it stopped."""
    _refuse_double(place, wish.name)
    keys = key_pair(place.folders.ssh)
    plan = yield from step(wish.name, CHECK, lambda: _planned(place, wish, keys), expected_s=2)
    found = yield from _look(place, plan, keys)
    yield from (Note(warning, level="warning") for warning in _warnings(place, plan))
    if dry_run:
        yield from _rehearsed(plan, found)
        return
    yield _about_to(plan, found)
    left: list[str] = []
    try:
        machine = yield from _made(place, plan, found, left)
        yield from _reached(place, plan, machine, keys)
    except KeyboardInterrupt as interrupt:
        raise _interrupted(place, plan, left) from interrupt


def _planned(place: Place, wish: Wish, keys: KeyPair) -> Done[Plan]:
    plan = make_plan(place, wish, keys)
    return Done(plan, data={"zone": plan.request.zone, "machine_type": plan.request.shape.machine_type})


def _look(place: Place, plan: Plan, keys: KeyPair) -> Generator[Event, None, Found]:
    """What is there, after everything that still moves has come to rest. Refuses what is not ours or different."""
    request = plan.request
    machine = instances.find(place.cloud, request.name)
    zone = machine.zone if machine else request.zone
    for operation in instances.unfinished(place.cloud, zone, request.name):
        title = f"wait for the {operation.get('operationType', 'operation')} that is under way"
        yield from step(request.name, title, partial(_rest, place, operation))
        machine = instances.find(place.cloud, request.name)
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


def _refuse_double(place: Place, name: str) -> None:
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
        f"ask for what it has, take another name, or `provision delete-vm {name}{place.flags}` first",
    )


def _warnings(place: Place, plan: Plan) -> tuple[str, ...]:
    """What the operator should know before money is spent."""
    request = plan.request
    open_rules = firewall.wide_open(place.cloud, request.network, 22)
    exposed = tuple(
        f"the firewall rule {rule} of network {request.network} lets everybody reach SSH on all its machines"
        for rule in open_rules
    )
    endless = plan.kind == "gce" and request.max_run_s is None
    return (*plan.warnings, *exposed, *(("it has no end of life: it costs until it is deleted",) if endless else ()))


def _about_to(plan: Plan, found: Found) -> Event:
    """Said first: what it is and what it costs."""
    request = plan.request
    gpu = f" with {request.shape.gpu}" if request.shape.gpu else ""
    shape = f"{request.shape.machine_type}{gpu} in {request.zone}"
    if found.machine:
        return Note(f"{request.name} exists: {shape}")
    return Note(f"{shape}; price per hour: {plan.price}; {_life(plan)}")


def _life(plan: Plan) -> str:
    request = plan.request
    if request.max_run_s is None:
        return "no end of life"
    ending = "deleted" if request.max_run_action == "delete" else "stopped"
    return f"{ending} after {spell_duration(request.max_run_s)} by the cloud itself (`--max-run`)"


def _rehearsed(plan: Plan, found: Found) -> Job:
    """The plan, and what each step would do; nothing is done."""
    request = plan.request
    rows = (
        ("zone", request.zone),
        ("machine type", request.shape.machine_type),
        ("GPU", request.shape.gpu or "none"),
        ("image", f"{request.image.asked} ({request.image.name})"),
        ("boot disk", f"{request.disk_gb} GB {request.disk_type}"),
        ("capacity", "spot" if request.spot else "standard"),
        ("life", _life(plan)),
        ("open to", ", ".join(plan.rules[0].ranges)),
        ("price per hour", plan.price),
    )
    yield Table(f"{request.name} would be", ("what", "value"), rows)
    for rule in plan.rules:
        row = found.rules.get(rule.name)
        fine = row is not None and firewall.is_as_wanted(row, rule)
        yield _foretold(request.name, f"firewall rule {rule.name}", not fine)
    yield _foretold(request.name, MACHINE, found.machine is None or found.machine.status in ASLEEP)
    yield _foretold(request.name, WRITTEN, found.machine is None)
    yield Summary({**_asked_data(plan), "dry_run": True})
    if found.machine is None:
        yield Note("nothing was done; the same command without `--dry-run` does it")


def _foretold(name: str, title: str, change: bool) -> Result:
    return Result(name, title, "changed" if change else "ok", data={"dry_run": True})


def _asked_data(plan: Plan) -> dict[str, Any]:
    request = plan.request
    return {
        "name": request.name,
        "cloud": plan.kind,
        "zone": request.zone,
        "machine_type": request.shape.machine_type,
        "gpu": request.shape.gpu,
        "image": request.image.name,
        "disk_gb": request.disk_gb,
        "spot": request.spot,
        "max_run_s": request.max_run_s,
        "price_per_hour_usd": plan.price_per_hour_usd,
        "allow": list(plan.rules[0].ranges),
    }


def _made(place: Place, plan: Plan, found: Found, left: list[str]) -> Generator[Event, None, Machine]:
    """Rules and machine. What fails for want of a machine takes its new rules with it."""
    fresh = [rule for rule in plan.rules if rule.name not in found.rules]
    name = plan.request.name
    left.append("its firewall rules, which cost nothing")
    yield from step(name, RULES, lambda: _open(place, plan.rules, found), expected_s=10)
    try:
        return (yield from _machine(place, plan, found, left))
    except CloudError:
        if instances.find(place.cloud, name) is None:
            yield from step(name, "remove the firewall rules again", lambda: _close(place, fresh))
        raise


def _open(place: Place, rules: tuple[Rule, ...], found: Found) -> Done[None]:
    changed = [rule for rule in rules if _opened(place, rule, found.rules.get(rule.name))]
    return Done(None, bool(changed), {"rules": [rule.name for rule in rules], "allow": list(rules[0].ranges)})


def _opened(place: Place, rule: Rule, row: Mapping[str, Any] | None) -> bool:
    if row is None:
        firewall.insert(place.cloud, rule)
    elif firewall.is_as_wanted(row, rule):
        return False
    else:
        firewall.patch(place.cloud, rule)
    return True


def _close(place: Place, rules: list[Rule]) -> Done[None]:
    for rule in rules:
        if firewall.find(place.cloud, rule.name):
            firewall.delete(place.cloud, rule.name)
    return Done(None, changed=bool(rules))


def _machine(place: Place, plan: Plan, found: Found, left: list[str]) -> Generator[Event, None, Machine]:
    request, machine = plan.request, found.machine
    if machine is None:
        left.append(f"perhaps the machine {request.name}, which costs money while it runs")
        return (yield from _insert(place, plan))
    left.append(f"the machine {request.name}, which costs money while it runs")
    if machine.status in ASLEEP:
        return (yield from step(request.name, "start the machine", partial(awake, place, machine), _boot_s(plan)))
    return (yield from step(request.name, MACHINE, lambda: Done(machine, data=_machine_data(machine))))


def _boot_s(plan: Plan) -> float:
    return 10.0 if plan.kind == "local" else 45.0


def _insert(place: Place, plan: Plan) -> Generator[Event, None, Machine]:
    name, started = plan.request.name, time.monotonic()
    yield Step(name, MACHINE, expected_s=_boot_s(plan))
    for percent, text in instances.insert(place.cloud, plan.request):
        yield Progress(name, MACHINE, percent, 100, "%", text)
    machine = arrival.running(place.cloud, plan.request.zone, name)
    yield Result(name, MACHINE, "changed", time.monotonic() - started, _machine_data(machine))
    return machine


def _machine_data(machine: Machine) -> dict[str, Any]:
    return {
        "address": machine.reachable_at,
        "zone": machine.zone,
        "machine_type": machine.machine_type,
        "gpu": machine.gpu,
        "instance_id": machine.id,
    }


def _reached(place: Place, plan: Plan, machine: Machine, keys: KeyPair) -> Job:
    """From a machine that runs to one that we can work with."""
    name, folders = machine.name, place.folders
    gpu = machine.gpu or plan.request.shape.gpu
    entry = book.entry(place, replace(machine, gpu=gpu), keys, plan.rules[1].port)
    yield from step(name, KNOWN, lambda: arrival.trusted(place, machine), expected_s=_boot_s(plan))
    yield from step(name, REACHED, lambda: arrival.logged_in(entry), expected_s=5)
    yield from step(name, WRITTEN, lambda: Done(None, changed=book.written(folders, entry)))
    yield Summary(
        {
            **_asked_data(plan),
            **_machine_data(machine),
            "gpu": gpu,
            "user": machine.user,
            "service_port": plan.rules[1].port,
            "inventory": str(folders.inventory),
            "key": str(keys.private),
        }
    )
    yield Note(f"{name} is there at {machine.reachable_at}", command=f"provision deploy {name} --native")


def _interrupted(place: Place, plan: Plan, left: list[str]) -> Interrupted:
    name = plan.request.name
    if not left:
        return Interrupted("interrupted", "nothing was made")
    return Interrupted(
        "interrupted",
        f"left behind: {'; '.join(left)}. The same command again goes on from here",
        f"to remove it all: `provision delete-vm {name}{place.flags}`",
    )
