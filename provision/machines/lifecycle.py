"""start and stop: a machine sleeps without its computing costs, and comes back where commands find it."""

from __future__ import annotations

from functools import partial

from provision.errors import UsageProblem
from provision.gce import instances
from provision.gce.instance import Machine
from provision.machines import arrival, book
from provision.machines.clouds import Place
from provision.machines.delete import unknown_machine
from provision.machines.keys import key_pair, public_key
from provision.machines.steps import Done, step
from provision.model import Job, Note, Summary

ASLEEP = ("TERMINATED", "STOPPED", "SUSPENDED")


def ours(place: Place, name: str) -> Machine:
    """The machine of that name, at rest; refused when it is not there or not made here."""
    machine = instances.find(place.cloud, name)
    mine = public_key(place.folders.ssh)
    if machine is None:
        raise unknown_machine(name, [one.name for one in instances.ours(place.cloud, mine)], place.kind)
    if not machine.made_by(mine):
        raise UsageProblem(f"{name} was not made here", "it does not carry our label and key")
    moving = instances.unfinished(place.cloud, machine.zone, name)
    for operation in moving:
        place.cloud.settle(operation)
    return ours(place, name) if moving else machine


def start(place: Place, name: str) -> Job:
    """Boot it, wait for SSH, and write its new address down."""
    machine = ours(place, name)
    machine = yield from step(name, "start the machine", partial(awake, place, machine), expected_s=30)
    keys = key_pair(place.folders.ssh)
    entry = book.entry(place, machine, keys, book.service_port(place.folders, name))
    yield from step(name, "log in over SSH", partial(arrival.logged_in, entry), expected_s=10)
    changed = book.written(place.folders, entry)
    yield from step(name, "write it into the inventory", lambda: Done(None, changed=changed))
    yield Summary({"name": name, "status": machine.status, "address": machine.reachable_at})
    yield Note(f"{name} runs at {machine.reachable_at}", command=f"provision verify {name}")


def awake(place: Place, machine: Machine) -> Done[Machine]:
    """The machine running; started if it slept."""
    sleeping = machine.status in ASLEEP
    if sleeping:
        instances.start(place.cloud, machine)
    found = arrival.running(place.cloud, machine.zone, machine.name)
    return Done(found, sleeping, {"address": found.reachable_at, "instance_id": found.id})


def stop(place: Place, name: str) -> Job:
    """Shut it down."""
    machine = ours(place, name)
    yield from step(name, "stop the machine", partial(_asleep, place, machine), expected_s=30)
    yield Summary({"name": name, "status": "TERMINATED"})
    text = f"{name} is stopped" + ("; its disk still costs" if place.kind == "gce" else "")
    yield Note(text, command=f"provision start {name}")


def _asleep(place: Place, machine: Machine) -> Done[None]:
    if machine.status in ASLEEP:
        return Done(None)
    instances.stop(place.cloud, machine)
    return Done(None, changed=True)
