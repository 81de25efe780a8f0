"""Which addresses a cloud may give to its machines: a small subnet that nothing on this computer uses."""

from __future__ import annotations

import ipaddress
import zlib
from collections.abc import Iterator
from pathlib import Path

ROUTES = Path("/proc/net/route")


def candidates(owner: str, routes: Path = ROUTES) -> Iterator[ipaddress.IPv4Network]:
    """Free /24 networks of 10.200.0.0 to 10.254.255.0, from a place that depends on the cloud."""
    used = list(_routed(routes))
    first = zlib.crc32(owner.encode())
    for step in range(55 * 256):
        number = (first + step) % (55 * 256)
        network = ipaddress.IPv4Network(f"10.{200 + number // 256}.{number % 256}.0/24")
        if not any(network.overlaps(other) for other in used):
            yield network


def is_free(network: ipaddress.IPv4Network, routes: Path = ROUTES) -> bool:
    """Whether no route of this computer leads there; Docker's networks have routes as well."""
    return not any(network.overlaps(other) for other in _routed(routes))


def _routed(routes: Path) -> Iterator[ipaddress.IPv4Network]:
    """The destinations of this computer's routes, the default route apart; little-endian hexadecimal in the file."""
    try:
        lines = routes.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return
    for line in lines:
        fields = line.split()
        address, mask = (int.from_bytes(bytes.fromhex(fields[at]), "little") for at in (1, 7))
        if mask:
            yield ipaddress.IPv4Network((address, bin(mask).count("1")), strict=False)


def next_address(subnet: str, taken: frozenset[str], last: str) -> str | None:
    """The address after the one given last, so that a deleted machine's is not the next one's at once."""
    hosts = [str(host) for host in ipaddress.IPv4Network(subnet).hosts()][1:]
    start = hosts.index(last) + 1 if last in hosts else 0
    return next((host for host in hosts[start:] + hosts[:start] if host not in taken), None)
