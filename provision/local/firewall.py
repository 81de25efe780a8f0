"""Firewall rules of the network as one nftables file for one machine, by Google's meaning of priority and target."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DEFAULT_PRIORITY = 1000
_PORTS = ("tcp", "udp", "sctp")
_PROTOCOLS = ("tcp", "udp", "icmp", "esp", "ah", "sctp", "ipip", "all")


@dataclass(frozen=True)
class Machine:
    """What decides which rules are for a machine."""

    address: str
    tags: frozenset[str]


def nftables(rules: Sequence[Mapping[str, Any]], machine: Machine, others: Sequence[Machine]) -> str:
    """The file. It filters before any address translation, so a port that Docker publishes inside the machine is closed
    as well; only `eth0` is looked at, so loopback and inner bridges stay free."""
    mine = sorted((rule for rule in rules if _is_for(rule, machine)), key=_order)
    incoming = [line for rule in mine if _direction(rule) == "INGRESS" for line in _lines(rule, others)]
    outgoing = [line for rule in mine if _direction(rule) == "EGRESS" for line in _lines(rule, others)]
    return _FILE.format(incoming=_indented(incoming), outgoing=_indented(outgoing))


# Creating before flushing makes the file load equally well the first time and every time after.
_FILE = """\
table inet provision_firewall
delete table inet provision_firewall
table inet provision_firewall {{
    chain incoming {{
        type filter hook prerouting priority -150; policy accept;
        iifname != "eth0" accept
        ct state established,related accept
        meta l4proto {{ icmp, ipv6-icmp }} accept
{incoming}
        counter drop
    }}
    chain outgoing {{
        type filter hook postrouting priority -150; policy accept;
        oifname != "eth0" accept
        ct state established,related accept
{outgoing}
    }}
}}
"""


def _indented(lines: list[str]) -> str:
    return "\n".join(f"        {line}" for line in lines)


def _order(rule: Mapping[str, Any]) -> tuple[int, bool]:
    """Lower numbers first; of equal priority, a denial wins."""
    return int(rule.get("priority", DEFAULT_PRIORITY)), not rule.get("denied")


def _direction(rule: Mapping[str, Any]) -> str:
    return str(rule.get("direction", "INGRESS"))


def _is_for(rule: Mapping[str, Any], machine: Machine) -> bool:
    """No target means every machine; service accounts do not exist here, so a rule for one is for nobody."""
    if rule.get("disabled") or rule.get("targetServiceAccounts"):
        return False
    targets = rule.get("targetTags")
    return not targets or bool(machine.tags.intersection(targets))


def _lines(rule: Mapping[str, Any], others: Sequence[Machine]) -> list[str]:
    verdict = "drop" if rule.get("denied") else "accept"
    peers = _peers(rule, others)
    services = [text for item in rule.get("allowed") or rule.get("denied") or () for text in _services(item)]
    return [" ".join(part for part in (peer, service, verdict) if part) for peer in peers for service in services]


def _peers(rule: Mapping[str, Any], others: Sequence[Machine]) -> list[str]:
    """The matches on the other end. Ranges and source tags add up; a rule with tags alone is not for everybody."""
    incoming = _direction(rule) == "INGRESS"
    ranges = list(rule.get("sourceRanges" if incoming else "destinationRanges") or ())
    tags = set(rule.get("sourceTags") or ()) if incoming else set()
    ranges += [other.address for other in others if tags & other.tags]
    if not ranges:
        return [] if tags or rule.get("sourceServiceAccounts") else [""]
    if "0.0.0.0/0" in ranges:
        ranges = ["0.0.0.0/0"]
    side = "saddr" if incoming else "daddr"
    found = []
    for family, version in (("ip", 4), ("ip6", 6)):
        nets = [ipaddress.ip_network(text, strict=False) for text in ranges]
        chosen = ipaddress.collapse_addresses(net for net in nets if net.version == version)  # type: ignore[type-var]
        text = ", ".join(str(net) for net in chosen)
        found += [f"{family} {side} {{ {text} }}"] if text else []
    return found


def _services(item: Mapping[str, Any]) -> list[str]:
    protocol, ports = str(item["IPProtocol"]).lower(), item.get("ports")
    if protocol == "all":
        return [""]
    if protocol in _PORTS and ports:
        return [f"{protocol} dport {{ {', '.join(str(port) for port in ports)} }}"]
    return [f"meta l4proto {protocol}"]


def wrong_part(rule: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """The first field that Google would refuse, its value and why; None when the rule is sound."""
    if bool(rule.get("allowed")) == bool(rule.get("denied")):
        return "resource.allowed", "", "Exactly one of allowed and denied must be specified."
    for field in ("sourceRanges", "destinationRanges"):
        for text in rule.get(field) or ():
            if not _is_range(text):
                return f"resource.{field}", text, "Must be a valid IPV4 or IPV6 address range."
    for kind in ("allowed", "denied"):
        for item in rule.get(kind) or ():
            problem = _wrong_service(item)
            if problem:
                return f"resource.{kind}", *problem
    priority = rule.get("priority", DEFAULT_PRIORITY)
    if not isinstance(priority, int) or not 0 <= priority <= 65535:
        return "resource.priority", str(priority), "Values must be within the range: [0, 65535]"
    if _direction(rule) == "EGRESS" and (rule.get("sourceRanges") or rule.get("sourceTags")):
        return "resource.direction", "EGRESS", "An egress rule cannot have a source."
    if _direction(rule) == "INGRESS" and rule.get("destinationRanges") and not rule.get("sourceRanges"):
        return None
    return None


def _is_range(text: object) -> bool:
    try:
        ipaddress.ip_network(str(text))
    except ValueError:
        return False
    return True


def _wrong_service(item: Mapping[str, Any]) -> tuple[str, str] | None:
    protocol, ports = str(item.get("IPProtocol", "")).lower(), item.get("ports") or ()
    if protocol not in _PROTOCOLS and not (protocol.isdigit() and int(protocol) < 256):
        return protocol, "Must be a well known IP protocol or a number."
    if ports and protocol not in _PORTS:
        return protocol, "Ports are only allowed for TCP, UDP and SCTP."
    for port in ports:
        ends = [int(end) if end.isdigit() else -1 for end in str(port).split("-")]
        if len(ends) > 2 or any(not 0 <= end <= 65535 for end in ends) or ends != sorted(ends):
            return str(port), "Must be a valid port or port range."
    return None
