"""Addresses and routes from the kernel's netlink socket, as much of it as the network facts need."""

from __future__ import annotations

import socket
import struct
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

_GET_ADDRESS, _NEW_ADDRESS = 22, 20
_GET_ROUTE, _NEW_ROUTE = 26, 24
_ERROR, _DONE = 2, 3
_REQUEST, _DUMP = 1, 0x300
_SECONDARY = 1

_HEAD = struct.Struct("=IHHII")
_ADDRESS = struct.Struct("=BBBBI")
_ROUTE = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE = struct.Struct("=HH")


class Address(NamedTuple):
    """One address of one interface."""

    interface: int
    family: int
    local: str
    prefix: int
    scope: int
    broadcast: str
    secondary: bool


class Route(NamedTuple):
    """The way to somewhere."""

    interface: int
    source: str
    gateway: str


def addresses() -> List[Address]:
    """All addresses of all interfaces; none where netlink cannot be asked."""
    try:
        replies = list(_ask(_GET_ADDRESS, _DUMP, struct.pack("=B", socket.AF_UNSPEC)))
    except OSError:
        return []
    return [_address(body) for kind, body in replies if kind == _NEW_ADDRESS and body[0] in _FAMILIES]


def route_to(destination: str) -> Optional[Route]:
    """How the kernel would send a packet there; None where it would not."""
    family = socket.AF_INET6 if ":" in destination else socket.AF_INET
    packed = socket.inet_pton(family, destination)
    body = _ROUTE.pack(family, len(packed) * 8, 0, 0, 0, 0, 0, 0, 0)
    body += _ATTRIBUTE.pack(4 + len(packed), 1) + packed
    try:
        replies = [body for kind, body in _ask(_GET_ROUTE, 0, body) if kind == _NEW_ROUTE]
    except OSError:
        return None
    return _route(replies[0], family) if replies else None


_FAMILIES = (socket.AF_INET, socket.AF_INET6)


def _ask(kind: int, flags: int, body: bytes) -> Iterator[Tuple[int, bytes]]:
    """Send one question; the replies until the end of a dump, or the one reply."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
        kernel.settimeout(2.0)
        kernel.send(_HEAD.pack(_HEAD.size + len(body), kind, _REQUEST | flags, 1, 0) + body)
        while True:
            for reply, payload in _messages(kernel.recv(1 << 17)):
                if reply == _DONE:
                    return
                if reply == _ERROR:
                    raise OSError(-struct.unpack_from("=i", payload)[0], "netlink")
                yield reply, payload
            if not flags:
                return


def _messages(data: bytes) -> Iterator[Tuple[int, bytes]]:
    offset = 0
    while offset + _HEAD.size <= len(data):
        length, kind, _, _, _ = _HEAD.unpack_from(data, offset)
        if length < _HEAD.size:
            return
        yield kind, data[offset + _HEAD.size : offset + length]
        offset += (length + 3) & ~3


def _attributes(data: bytes) -> Dict[int, bytes]:
    found: Dict[int, bytes] = {}
    offset = 0
    while offset + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < _ATTRIBUTE.size:
            break
        found[kind & 0x3FFF] = data[offset + _ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3
    return found


def _address(body: bytes) -> Address:
    family, prefix, flags, scope, index = _ADDRESS.unpack_from(body)
    found = _attributes(body[_ADDRESS.size :])
    local = found.get(2) or found.get(1) or b"\0" * (4 if family == socket.AF_INET else 16)
    broadcast = socket.inet_ntop(family, found[4]) if 4 in found else ""
    return Address(index, family, socket.inet_ntop(family, local), prefix, scope, broadcast, bool(flags & _SECONDARY))


def _route(body: bytes, family: int) -> Route:
    found = _attributes(body[_ROUTE.size :])
    index = struct.unpack("=I", found[4])[0] if 4 in found else 0
    source = socket.inet_ntop(family, found[7]) if 7 in found else ""
    gateway = socket.inet_ntop(family, found[5]) if 5 in found else ""
    return Route(index, source, gateway)
