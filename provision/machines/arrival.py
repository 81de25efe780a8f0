"""Waits for a new machine: running, its host key published and pinned, its SSH server letting us in."""

from __future__ import annotations

from collections.abc import Mapping

from provision.errors import ProvisionError, Unreachable
from provision.gce import hostkeys, instances
from provision.gce.client import Cloud
from provision.gce.faults import CloudError
from provision.gce.instance import Machine
from provision.inventory.book import MachineEntry
from provision.machines.clouds import Place
from provision.machines.steps import Done, wait_until
from provision.ssh.door import connect
from provision.ssh.target import target_from
from provision.ssh.trust import HostKeyMismatch

KEYS_WITHIN_S = 300.0
LOGIN_WITHIN_S = 240.0
SERIAL_AFTER_S = 60.0


def running(cloud: Cloud, zone: str, name: str) -> Machine:
    """The machine, once it runs."""
    machine = wait_until(lambda: _running(cloud, zone, name), timeout_s=120.0)
    if machine is None:
        raise Unreachable(f"{name} does not come up", hint=f"`provision list`, or `provision delete-vm {name}`")
    return machine


def _running(cloud: Cloud, zone: str, name: str) -> Machine | None:
    machine = instances.get(cloud, zone, name)
    if machine is None or machine.status in ("STOPPING", "TERMINATED"):
        raise ProvisionError(
            f"{name} was taken away while it started",
            "spot capacity was claimed back, or somebody deleted it",
            f"`provision create-vm {name}` again, without `--spot` or in another zone",
        )
    return machine if machine.status == "RUNNING" and machine.reachable_at else None


def trusted(place: Place, machine: Machine) -> Done[Mapping[str, str]]:
    """Its host keys, pinned. A machine that is known already must still show the same ones."""
    known_hosts = place.folders.ssh / "known_hosts"
    before = hostkeys.pinned(known_hosts, machine.id)
    keys = hostkeys.published(place.cloud, machine) if before else _awaited(place.cloud, machine)
    changed = hostkeys.pin(known_hosts, machine, keys)
    return Done(keys or before, changed, {"host_key_alias": hostkeys.alias(machine.id)})


def _awaited(cloud: Cloud, machine: Machine) -> Mapping[str, str]:
    """The keys when they come: guest attributes first, the serial console where those stay empty."""
    keys = wait_until(lambda: hostkeys.published(cloud, machine) or None, SERIAL_AFTER_S)
    keys = keys or wait_until(lambda: _either(cloud, machine), KEYS_WITHIN_S - SERIAL_AFTER_S, pauses=5)
    if keys is None:
        raise Unreachable(
            f"{machine.name} has published no host key within {KEYS_WITHIN_S:.0f} s",
            "its image has no guest agent, it does not boot, or the organisation forbids guest attributes",
            f"how it boots: `gcloud compute instances get-serial-port-output {machine.name} --zone {machine.zone}`",
        )
    return keys


def _either(cloud: Cloud, machine: Machine) -> Mapping[str, str] | None:
    _running(cloud, machine.zone, machine.name)  # gone meanwhile: say that, not that keys are missing
    return hostkeys.published(cloud, machine) or hostkeys.on_serial_port(_serial(cloud, machine), machine.name) or None


def _serial(cloud: Cloud, machine: Machine) -> str:
    """An organisation may forbid the serial console: then it just tells nothing."""
    try:
        return instances.serial_output(cloud, machine)
    except CloudError as error:
        if error.fault.kind in ("forbidden", "policy"):
            return ""
        raise


def logged_in(entry: MachineEntry) -> Done[None]:
    """One command run over SSH. Refusals count as `not yet`: the user is made while the machine boots."""
    refusals: list[Unreachable] = []

    def attempt() -> bool | None:
        try:
            door = connect(target_from(entry.name, entry.vars))
        except HostKeyMismatch:
            raise
        except Unreachable as refusal:
            refusals.append(refusal)
            return None
        try:
            return door.run("true").exit_code == 0 or None
        finally:
            door.close()

    if wait_until(attempt, LOGIN_WITHIN_S) is None:
        last = refusals[-1] if refusals else Unreachable(f"{entry.name} runs no commands")
        raise last
    return Done(None)
