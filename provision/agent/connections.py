"""TCP connections of this machine, as /proc/net/tcp lists them (wait_for: drained)."""

from __future__ import annotations

import socket
import sys
from typing import Any, Iterator, List, Mapping, NamedTuple, Set

STATES = {
    "ESTABLISHED": "01",
    "SYN_SENT": "02",
    "SYN_RECV": "03",
    "FIN_WAIT1": "04",
    "FIN_WAIT2": "05",
    "TIME_WAIT": "06",
}
_EVERYWHERE = ("0.0.0.0", "::")


class Connection(NamedTuple):
    """One line of the table."""

    local: str
    port: int
    remote: str
    state: str


def active(args: Mapping[str, Any]) -> List[Connection]:
    """Connections to the port that wait_for asks about, but for those from `exclude_hosts`."""
    states = {STATES[name] for name in args["active_connection_states"]}
    hosts, excluded = _resolved(args["host"]), {ip for name in args["exclude_hosts"] or [] for ip in _resolved(name)}
    return [
        one
        for one in _table()
        if one.port == args["port"]
        and one.state in states
        and one.remote not in excluded
        and (one.local in hosts or hosts & set(_EVERYWHERE))
    ]


def parsed(text: str) -> Iterator[Connection]:
    """The connections of one table, without its title line."""
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) > 3:
            local, port = words[1].split(":")
            yield Connection(_address(local), int(port, 16), _address(words[2].split(":")[0]), words[3])


def _table() -> List[Connection]:
    found: List[Connection] = []
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(path) as file:
                found += parsed(file.read())
        except OSError:
            pass  # a kernel without IPv6
    return found


def _address(text: str) -> str:
    """The kernel prints 32-bit words in the machine's order; mapped IPv4 addresses are shown as such."""
    words = [bytes.fromhex(text[start : start + 8]) for start in range(0, len(text), 8)]
    packed = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
    if len(packed) == 4:
        return socket.inet_ntop(socket.AF_INET, packed)
    if packed.startswith(b"\0" * 10 + b"\xff\xff"):
        return socket.inet_ntop(socket.AF_INET, packed[12:])
    return socket.inet_ntop(socket.AF_INET6, packed)


def _resolved(name: str) -> Set[str]:
    try:
        return {str(info[4][0]) for info in socket.getaddrinfo(name, None)}
    except OSError:
        return {name}
