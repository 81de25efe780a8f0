"""create-vm: a machine, its firewall rules, a host key we trust, and its place in the inventory."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import replace
from functools import partial
from typing import Any

from provision.errors import Interrupted
from provision.gce import firewall, instances
from provision.gce.faults import CloudError
from provision.gce.firewall import Rule
from provision.gce.instance import Machine, spell_duration
from provision.machines import arrival, book
from provision.machines.access import put
from provision.machines.clouds import Place
from provision.machines.existing import Found, look, refuse_double
from provision.machines.keys import KeyPair, key_pair, public_key
from provision.machines.lifecycle import ASLEEP, awake
from provision.machines.steps import Done, step
from provision.machines.wish import Plan, Wish, make_plan
from provision.model import Event, Job, Note, Progress, Result, Step, Summary, Table

CHECK = "check what is asked for"
RULES = "open the firewall"
MACHINE = "create the machine"
KNOWN = "pin its host key"
REACHED = "log in over SSH"
WRITTEN = "write it into the inventory"


def create_vm(place: Place, wish: Wish, dry_run: bool = False) -> Job:
    """Make the machine, or find it as wanted. Whatever an interrupted run has left is taken up where it stopped."""
    left: list[str] = []
    try:
        yield from _planned_and_done(place, wish, dry_run, left)
    except KeyboardInterrupt as interrupt:
        raise _interrupted(place, wish.name, left) from interrupt


def _planned_and_done(place: Place, wish: Wish, dry_run: bool, left: list[str]) -> Job:
    """All steps; `left` is told what would stay behind from then on."""
    refuse_double(place, wish.name)
    keys = KeyPair(place.folders.ssh, public_key(place.folders.ssh)) if dry_run else key_pair(place.folders.ssh)
    plan = yield from step(wish.name, CHECK, lambda: _planned(place, wish, keys), expected_s=2)
    found = yield from look(place, plan, keys)
    yield from (Note(warning, level="warning") for warning in _warnings(place, plan))
    if dry_run:
        yield from _rehearsed(plan, found)
        return
    yield _about_to(plan, found)
    machine = yield from _made(place, plan, found, left)
    yield from _reached(place, plan, machine, keys)


def _planned(place: Place, wish: Wish, keys: KeyPair) -> Done[Plan]:
    plan = make_plan(place, wish, keys)
    return Done(plan, data={"zone": plan.request.zone, "machine_type": plan.request.shape.machine_type})


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
    changed = [rule for rule in rules if put(place, rule, found.rules.get(rule.name))]
    return Done(None, bool(changed), {"rules": [rule.name for rule in rules], "allow": list(rules[0].ranges)})


def _close(place: Place, rules: list[Rule]) -> Done[None]:
    for rule in rules:
        if firewall.find(place.cloud, rule.name):
            firewall.delete(place.cloud, rule.name)
    return Done(None, changed=bool(rules))


def _machine(place: Place, plan: Plan, found: Found, left: list[str]) -> Generator[Event, None, Machine]:
    request, machine = plan.request, found.machine
    if machine is None:
        left.append(f"perhaps the machine {request.name}, {_cost(plan)}")
        machine = yield from _insert(place, plan)
        left[-1] = f"the machine {request.name}, {_cost(plan)}"
        return machine
    left.append(f"the machine {request.name}, {_cost(plan)}")
    if machine.status in ASLEEP:
        return (yield from step(request.name, "start the machine", partial(awake, place, machine), _boot_s(plan)))
    return (yield from step(request.name, MACHINE, partial(_there, place, machine)))


def _there(place: Place, machine: Machine) -> Done[Machine]:
    """The machine of an earlier run; it may still be on its way up."""
    found = arrival.running(place.cloud, machine.zone, machine.name)
    return Done(found, data=_machine_data(found))


def _cost(plan: Plan) -> str:
    return "which costs nothing" if plan.kind == "local" else "which costs money until it is deleted"


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


def _interrupted(place: Place, name: str, left: list[str]) -> Interrupted:
    if not left:
        return Interrupted("interrupted", "nothing was made")
    return Interrupted(
        "interrupted",
        f"left behind: {'; '.join(left)}. The same command again goes on from here",
        f"to remove it all: `provision delete-vm {name}{place.flags}`",
    )
