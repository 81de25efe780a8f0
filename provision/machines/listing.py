"""list: the machines that this installation has made, as the clouds have them now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

from provision.gce import instances
from provision.gce.instance import Machine
from provision.machines import book
from provision.machines.clouds import Place
from provision.machines.keys import public_key
from provision.model import Job, Note, Summary, Table

COLUMNS = ("name", "state", "address", "cloud", "zone", "machine type", "GPU", "ends", "price per hour")


def list_vms(clouds: Sequence[AbstractContextManager[Place]]) -> Job:
    """One table and one object of all machines in these clouds."""
    rows: list[dict[str, Any]] = []
    for opened in clouds:
        with opened as place:
            rows += _rows(place)
    if rows:
        yield Table("machines", COLUMNS, tuple(_spoken(row) for row in rows))
    else:
        yield Note("there are no machines", command="provision create-vm tts-1 --gpu l4")
    yield Summary({"machines": rows})


def _rows(place: Place) -> list[dict[str, Any]]:
    """Machines of the cloud, and those that only the inventory still knows: they are gone."""
    there = {
        machine.name: _row(place, machine) for machine in instances.ours(place.cloud, public_key(place.folders.ssh))
    }
    gone = {
        name: _gone(name, variables)
        for name, variables in book.known(place.folders).items()
        if name not in there and book.belongs(place, variables)
    }
    return [row for _, row in sorted({**there, **gone}.items())]


def _row(place: Place, machine: Machine) -> dict[str, Any]:
    return {
        "name": machine.name,
        "status": machine.status,
        "address": machine.reachable_at,
        "cloud": place.kind,
        "zone": machine.zone,
        "machine_type": machine.machine_type,
        "gpu": machine.gpu,
        "spot": machine.spot,
        "created": machine.created,
        "ends": end_of(machine),
        "price_per_hour_usd": 0.0 if place.kind == "local" else None,
        "instance_id": machine.id,
        "user": machine.user,
    }


def _gone(name: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "status": "GONE",
        "address": "",
        "cloud": variables.get("provision_cloud", ""),
        "zone": variables.get("provision_zone", ""),
        "machine_type": "",
        "gpu": variables.get("provision_gpu", ""),
        "spot": False,
        "created": "",
        "ends": "",
        "price_per_hour_usd": 0.0,
        "instance_id": variables.get("provision_instance_id", ""),
        "user": variables.get("ansible_user", ""),
    }


def end_of(machine: Machine) -> str:
    """When the cloud will end it, as far as its start is known; empty when never."""
    if machine.max_run_s is None or not machine.started:
        return ""
    try:
        start = datetime.fromisoformat(machine.started.replace("Z", "+00:00"))
    except ValueError:
        return ""
    return (start + timedelta(seconds=machine.max_run_s)).isoformat(timespec="minutes")


def _spoken(row: Mapping[str, Any]) -> tuple[str, ...]:
    price = "unknown" if row["price_per_hour_usd"] is None else f"{row['price_per_hour_usd']:.2f} $"
    kind = f"{row['gpu'] or '-'}{' (spot)' if row['spot'] else ''}"
    words = (row["name"], row["status"], row["address"], row["cloud"], row["zone"], row["machine_type"], kind)
    return (*(str(word) or "-" for word in words), row["ends"] or "-", price)
