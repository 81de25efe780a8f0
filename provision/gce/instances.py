"""Finds, makes, starts, stops and removes machines at the cloud."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from provision.gce.client import Cloud, last_part
from provision.gce.instance import OWNER, OWNER_LABEL, Machine, VmRequest, insert_body, read_machine


def find(cloud: Cloud, name: str) -> Machine | None:
    """The machine of that name in any zone of the project."""
    found = [machine for machine in _listed(cloud, f"look for {name}", f"name={name}") if machine.name == name]
    return found[0] if found else None


def get(cloud: Cloud, zone: str, name: str) -> Machine | None:
    """The machine as it is now; None when it is gone."""
    row = cloud.find(f"look at {name}", "Instances", "get", zone=zone, instance=name)
    return read_machine(row) if row else None


def ours(cloud: Cloud, public_key: str) -> tuple[Machine, ...]:
    """All machines that this installation has made."""
    machines = _listed(cloud, "list machines", f"labels.{OWNER_LABEL}={OWNER}")
    return tuple(machine for machine in machines if machine.made_by(public_key))


def _listed(cloud: Cloud, doing: str, wanted: str) -> list[Machine]:
    pages = cloud.pages(doing, "Instances", "aggregated_list", filter=wanted)
    scopes = [scope for page in pages for scope in (page.get("items") or {}).values()]
    return [read_machine(row) for scope in scopes for row in scope.get("instances") or ()]


def insert(cloud: Cloud, request: VmRequest) -> Iterator[tuple[int, str]]:
    """Make it, and tell percent and words of the cloud while it is made; the end is when it is really there."""
    doing, told = f"create {request.name}", (0, "")
    begun = cloud.begin(doing, "Instances", "insert", zone=request.zone, instance_resource=insert_body(request))
    for state in cloud.watch(doing, begun):
        now = int(state.get("progress", 0)), str(state.get("statusMessage", ""))
        if now[1] and now != told:
            yield now
        told = now


def delete(cloud: Cloud, machine: Machine) -> None:
    """Remove it with its boot disk."""
    cloud.change(f"delete {machine.name}", "Instances", "delete", zone=machine.zone, instance=machine.name)


def start(cloud: Cloud, machine: Machine) -> None:
    """Boot it again."""
    cloud.change(f"start {machine.name}", "Instances", "start", zone=machine.zone, instance=machine.name)


def stop(cloud: Cloud, machine: Machine) -> None:
    """Shut it down; its disk stays and costs."""
    cloud.change(f"stop {machine.name}", "Instances", "stop", zone=machine.zone, instance=machine.name)


def unfinished(cloud: Cloud, zone: str, name: str) -> tuple[dict[str, Any], ...]:
    """Operations on this machine that have not ended: an earlier run was interrupted, or somebody else works on it."""
    rows = cloud.rows(f"list operations of {zone}", "ZoneOperations", "list", zone=zone, filter="status!=DONE")
    return tuple(row for row in rows if _is_about(row, name) and row.get("status") != "DONE")


def _is_about(operation: Mapping[str, Any], name: str) -> bool:
    target = str(operation.get("targetLink", ""))
    return "/instances/" in target and last_part(target) == name


def serial_output(cloud: Cloud, machine: Machine) -> str:
    """What the machine has printed while booting; empty where nobody may read it."""
    found = cloud.find(
        f"read the serial port of {machine.name}",
        "Instances",
        "get_serial_port_output",
        zone=machine.zone,
        instance=machine.name,
        port=1,
    )
    return str((found or {}).get("contents", ""))
