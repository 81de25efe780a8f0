"""firewall: who may reach a machine, shown and changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provision.errors import UsageProblem
from provision.gce import firewall
from provision.gce.firewall import Rule
from provision.gce.instance import Machine
from provision.machines import book
from provision.machines.clouds import Place
from provision.machines.keys import public_key
from provision.machines.lifecycle import ours
from provision.machines.steps import Done, step
from provision.model import Job, Summary, Table


def access(place: Place, name: str, allow: tuple[str, ...] = (), mine: bool = False, port: int | None = None) -> Job:
    """Show the rules of a machine; before that, open them to these ranges, or to the address we have now.

    `port`: from now on the service is behind that one.
    """
    if allow and mine:
        raise UsageProblem("`--allow` and `--mine` exclude each other")
    machine = ours(place, name)
    if allow or mine or port:
        wanted = _wanted(place, machine, allow, mine, port or book.service_port(place.folders, name))
        yield from step(name, "change who may reach it", lambda: _changed(place, name, wanted), 10)
    rows = [_row(row) for row in firewall.of_machine(place.cloud, name, public_key(place.folders.ssh))]
    spoken = tuple((row["rule"], ", ".join(row["ports"]), ", ".join(row["allow"])) for row in rows)
    yield Table(f"who may reach {name}", ("rule", "ports", "open to"), spoken)
    yield Summary({"name": name, "rules": rows})


def _wanted(place: Place, machine: Machine, allow: tuple[str, ...], mine: bool, port: int) -> tuple[Rule, ...]:
    """The rules as they shall be; who may come in stays as it is when only the port changes."""
    mark = public_key(place.folders.ssh)
    there = firewall.of_machine(place.cloud, machine.name, mark)
    if allow:
        ranges, sources = firewall.check_ranges(allow), "given"
    elif mine or not there:
        ranges, sources = (place.caller_range(),), "caller"
    else:
        ranges, sources = firewall.ranges_of(there[0]), firewall.sources_of(there[0])
    given: firewall.Sources = "given" if sources == "given" else "caller"
    return firewall.rules_for(machine.name, ranges, given, port, machine.network, mark)


def _changed(place: Place, name: str, wanted: tuple[Rule, ...]) -> Done[None]:
    changed = [rule.name for rule in wanted if put(place, rule, firewall.find(place.cloud, rule.name))]
    book.remember_port(place.folders, name, wanted[1].port)
    return Done(None, bool(changed), {"rules": changed, "allow": list(wanted[0].ranges)})


def put(place: Place, rule: Rule, row: Mapping[str, Any] | None) -> bool:
    """Bring one rule to what is wanted; False when it was so. `row`: what is there under its name."""
    if row is None:
        firewall.insert(place.cloud, rule)
    elif firewall.is_as_wanted(row, rule):
        return False
    else:
        firewall.patch(place.cloud, rule)
    return True


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "rule": str(row["name"]),
        "ports": list(firewall.ports_of(row)),
        "allow": list(firewall.ranges_of(row)),
    }
