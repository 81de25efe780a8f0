"""The two firewall rules of a machine, SSH and service, open to named addresses only; other rules stay untouched."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from provision.errors import UsageProblem
from provision.gce.client import Cloud, last_part
from provision.gce.instance import key_mark, network_path

Json = Mapping[str, Any]
Sources = Literal["caller", "given"]

EVERYBODY = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True)
class Rule:
    """One rule as wanted. `sources` says whether the ranges are the caller's address or were named by the operator."""

    machine: str
    purpose: Literal["ssh", "service"]
    port: int
    ranges: tuple[str, ...]
    sources: Sources
    network: str
    mark: str

    @property
    def name(self) -> str:
        """`provision-tts-1-ssh`."""
        return f"provision-{self.machine}-{self.purpose}"

    @property
    def description(self) -> str:
        """How a rule is recognised as ours: firewall rules carry no labels."""
        return f"{ownership(self.machine, self.mark)} purpose={self.purpose} sources={self.sources}"


def rules_for(
    machine: str, ranges: tuple[str, ...], sources: Sources, service_port: int, network: str, public_key: str
) -> tuple[Rule, Rule]:
    """The rules of one machine."""
    mark = key_mark(public_key)
    return (
        Rule(machine, "ssh", 22, ranges, sources, network, mark),
        Rule(machine, "service", service_port, ranges, sources, network, mark),
    )


def check_ranges(ranges: tuple[str, ...]) -> tuple[str, ...]:
    """The ranges as Google writes them; an address alone stands for itself."""
    return tuple(sorted({_range(text) for text in ranges}))


def _range(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=True))
    except ValueError as error:
        raise UsageProblem(
            f"`--allow {text}` is no address range", str(error), "`--allow 203.0.113.7/32`, repeatable"
        ) from error


def body(rule: Rule) -> dict[str, Any]:
    """The rule as `firewalls.insert` takes it."""
    return {
        "name": rule.name,
        "description": rule.description,
        "network": network_path(rule.network),
        "direction": "INGRESS",
        "priority": 1000,
        "allowed": [{"IPProtocol": "tcp", "ports": [str(rule.port)]}],
        "sourceRanges": list(rule.ranges),
        "targetTags": [f"provision-{rule.machine}"],
    }


def ownership(machine: str, mark: str) -> str:
    """The start of our rules' descriptions."""
    return f"managed-by=provision machine={machine} key={mark}"


def is_ours(row: Json, machine: str, public_key: str) -> bool:
    """Whether this installation has made that rule for that machine."""
    return str(row.get("description", "")).startswith(ownership(machine, key_mark(public_key)) + " ")


def find(cloud: Cloud, name: str) -> Json | None:
    """A rule by name."""
    return cloud.find(f"look at firewall rule {name}", "Firewalls", "get", firewall=name)


def of_machine(cloud: Cloud, machine: str, public_key: str) -> tuple[Json, ...]:
    """Our rules for that machine, by what they say about themselves."""
    return tuple(row for row in _all(cloud) if is_ours(row, machine, public_key))


def ours_by_machine(cloud: Cloud, public_key: str) -> Mapping[str, tuple[str, ...]]:
    """Machine -> names of the rules of ours that stand for it, also when the machine is gone."""
    found: dict[str, tuple[str, ...]] = {}
    for row in _all(cloud):
        machine = _machine_of(row)
        if machine and is_ours(row, machine, public_key):
            found[machine] = (*found.get(machine, ()), str(row["name"]))
    return found


def _machine_of(row: Json) -> str:
    words = str(row.get("description", "")).split()
    return next((word[len("machine=") :] for word in words if word.startswith("machine=")), "")


def _all(cloud: Cloud) -> list[dict[str, Any]]:
    return cloud.rows("list firewall rules", "Firewalls", "list")


def insert(cloud: Cloud, rule: Rule) -> None:
    """Make the rule."""
    cloud.change(f"create firewall rule {rule.name}", "Firewalls", "insert", firewall_resource=body(rule))


def patch(cloud: Cloud, rule: Rule) -> None:
    """Bring an existing rule of ours to what is wanted."""
    wanted = {key: value for key, value in body(rule).items() if key not in ("name", "network", "direction")}
    cloud.change(
        f"change firewall rule {rule.name}", "Firewalls", "patch", firewall=rule.name, firewall_resource=wanted
    )


def delete(cloud: Cloud, name: str) -> None:
    """Remove a rule."""
    cloud.change(f"delete firewall rule {name}", "Firewalls", "delete", firewall=name)


def ranges_of(row: Json) -> tuple[str, ...]:
    """Who may come in through a rule."""
    return tuple(sorted(row.get("sourceRanges") or ()))


def ports_of(row: Json) -> tuple[str, ...]:
    """Which ports a rule opens."""
    return tuple(port for allowed in row.get("allowed") or () for port in allowed.get("ports") or ())


def sources_of(row: Json) -> str:
    """Whether the operator named the ranges, as the rule itself says."""
    said = str(row.get("description", "")).rpartition("sources=")[2]
    return said.split()[0] if said else ""


def is_as_wanted(row: Json, rule: Rule) -> bool:
    """Whether a rule needs no change."""
    return (
        ranges_of(row) == tuple(sorted(rule.ranges))
        and ports_of(row) == (str(rule.port),)
        and sources_of(row) == rule.sources
        and not row.get("disabled")
    )


def wide_open(cloud: Cloud, network: str, port: int) -> tuple[str, ...]:
    """Rules of others that let everybody reach that port on every machine of the network (`default-allow-ssh`)."""
    return tuple(str(row["name"]) for row in _all(cloud) if _opens_to_all(row, last_part(network), port))


def _opens_to_all(row: Json, network: str, port: int) -> bool:
    return (
        last_part(str(row.get("network", ""))) == network
        and row.get("direction", "INGRESS") == "INGRESS"
        and not row.get("disabled")
        and not row.get("targetTags")
        and not row.get("targetServiceAccounts")
        and any(source in EVERYBODY for source in row.get("sourceRanges") or ())
        and any(_covers(allowed, port) for allowed in row.get("allowed") or ())
    )


def _covers(allowed: Json, port: int) -> bool:
    if allowed.get("IPProtocol") not in ("tcp", "all", "6"):
        return False
    ranges = [str(text).partition("-") for text in allowed.get("ports") or ()]
    return not ranges or any(int(low) <= port <= int(high or low) for low, _, high in ranges)
