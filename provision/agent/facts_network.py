"""Facts about addresses, interfaces and routes, asked from the kernel directly: targets may lack `ip`."""

from __future__ import annotations

import os
import socket
from typing import Any, Dict, List, Mapping, Optional

from provision.agent.facts_system import Facts, text_of
from provision.agent.netlink import Address, Route, addresses, route_to
from provision.agent.target import Target

_TYPES = {"1": "ether", "32": "infiniband", "512": "ppp", "772": "loopback", "65534": "tunnel"}
_SCOPES = {0: "global", 200: "site", 253: "link", 254: "host"}


def gather(args: Mapping[str, Any], target: Target) -> Facts:
    """Interfaces with their addresses, and the way out."""
    indexes = dict(socket.if_nameindex())
    everything = [one for one in addresses() if one.interface in indexes]
    interfaces = {name: _interface(name) for name in indexes.values()}
    for address in everything:
        _add_address(interfaces[indexes[address.interface]], address)
    facts: Facts = {name.replace(":", "_"): value for name, value in interfaces.items()}
    facts = {name.replace("-", "_"): value for name, value in facts.items()}
    facts.update(
        interfaces=list(interfaces),
        all_ipv4_addresses=_every(everything, socket.AF_INET),
        all_ipv6_addresses=_every(everything, socket.AF_INET6),
        default_ipv4=_default(route_to("8.8.8.8"), interfaces, indexes),
        default_ipv6=_default(route_to("2404:6800:400a:800::1012"), interfaces, indexes),
    )
    return facts


def dns(args: Mapping[str, Any], target: Target) -> Facts:
    """What /etc/resolv.conf says."""
    return {"dns": dns_from(text_of("/etc/resolv.conf"))}


def dns_from(resolv_conf: str) -> Dict[str, Any]:
    """Name servers, search list, options."""
    found: Dict[str, Any] = {}
    for line in resolv_conf.splitlines():
        words = line.partition("#")[0].split()
        if len(words) < 2:
            continue
        if words[0] == "nameserver":
            found.setdefault("nameservers", []).extend(words[1:])
        elif words[0] == "domain":
            found["domain"] = words[1]
        elif words[0] in ("search", "sortlist"):
            found[words[0]] = words[1:]
        elif words[0] == "options":
            pairs = (word.partition(":") for word in words[1:])
            found["options"] = {name: value if colon else True for name, colon, value in pairs}
    return found


def _interface(name: str) -> Dict[str, Any]:
    folder = "/sys/class/net/%s/" % name
    found: Dict[str, Any] = {"device": name}
    mac = text_of(folder + "address")
    if mac and mac != "00:00:00:00:00:00":
        found["macaddress"] = mac
    found["mtu"] = int(text_of(folder + "mtu", "0"))
    found["active"] = text_of(folder + "operstate") != "down"
    found["type"] = _TYPES.get(text_of(folder + "type"), "unknown")
    found["promisc"] = bool(int(text_of(folder + "flags", "0"), 16) & 0x100)
    if os.path.isdir(folder + "bridge"):
        found["type"] = "bridge"
        found["interfaces"] = sorted(os.listdir(folder + "brif"))
        found["id"] = text_of(folder + "bridge/bridge_id")
        found["stp"] = text_of(folder + "bridge/stp_state") == "1"
    if os.path.islink(folder + "device"):
        found["pciid"] = os.path.basename(os.readlink(folder + "device"))
    speed = text_of(folder + "speed")
    if speed:
        found["speed"] = int(speed)
    module = folder + "device/driver/module"
    if os.path.exists(module):
        found["module"] = os.path.basename(os.path.realpath(module))
    return found


def _add_address(interface: Dict[str, Any], address: Address) -> None:
    if address.family == socket.AF_INET6:
        scope = _SCOPES.get(address.scope, "global")
        entry = {"address": address.local, "prefix": str(address.prefix), "scope": scope}
        interface.setdefault("ipv6", []).append(entry)
        return
    mask = (0xFFFFFFFF << (32 - address.prefix)) & 0xFFFFFFFF
    number = int.from_bytes(socket.inet_aton(address.local), "big")
    entry = {
        "address": address.local,
        "broadcast": address.broadcast,
        "netmask": socket.inet_ntoa(mask.to_bytes(4, "big")),
        "network": socket.inet_ntoa((number & mask).to_bytes(4, "big")),
        "prefix": str(address.prefix),
    }
    if "ipv4" not in interface and not address.secondary:
        interface["ipv4"] = entry
    else:
        interface.setdefault("ipv4_secondaries", []).append(entry)


def _every(everything: List[Address], family: int) -> List[str]:
    return [
        one.local
        for one in everything
        if one.family == family and not one.local.startswith("127.") and one.local != "::1"
    ]


def _default(
    route: Optional[Route], interfaces: Mapping[str, Dict[str, Any]], indexes: Mapping[int, str]
) -> Dict[str, Any]:
    """The address from which this machine speaks to the world, with what belongs to it."""
    if route is None or route.interface not in indexes:
        return {}
    name = indexes[route.interface]
    interface = interfaces[name]
    found: Dict[str, Any] = {"interface": name, "address": route.source}
    if route.gateway:
        found["gateway"] = route.gateway
    entries = [interface.get("ipv4", {}), *interface.get("ipv4_secondaries", []), *interface.get("ipv6", [])]
    entry: Dict[str, Any] = next((one for one in entries if one.get("address") == route.source), {})
    found.update(entry)
    found.update({key: interface[key] for key in ("macaddress", "mtu", "type") if key in interface})
    if "netmask" in found:
        found["alias"] = name
    return found
