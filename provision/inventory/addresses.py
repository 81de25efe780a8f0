"""Host names as inventories write them: `name:port`, `[ipv6]:port`, and ranges such as `db[01:20]` or `node-[a:f]`."""

from __future__ import annotations

import re
import string
from ipaddress import ip_address

_WITH_PORT = re.compile(
    r"^\[(?P<bracketed>.+)\]:(?P<port1>[0-9]+)$|^(?P<plain>(?:[^:\[\]]|\[[^\]]*\])*):(?P<port2>[0-9]+)$"
)
_RANGE = r"\[(?:[a-z]:[a-z]|[0-9]+:[0-9]+)(?::[0-9]+)?\]"
_LABEL = rf"(?:[\w]|{_RANGE})(?:[\w_-]|{_RANGE})*(?<![_-])"
_HOSTNAME = re.compile(rf"^{_LABEL}(?:\.{_LABEL})*$", re.IGNORECASE)
_HEX_RANGE = re.compile(r"\[([0-9a-f]+):[0-9a-f]+(?::[0-9]+)?\]", re.IGNORECASE)
_MOST_HOSTS = 100_000


def is_address(text: str) -> bool:
    """Whether this is one host's name or address (ranges allowed), with or without a port."""
    name, _ = _split(text)
    return bool(_HOSTNAME.match(name)) or _is_ipv6(name)


def _is_ipv6(name: str) -> bool:
    """Whether this is an IPv6 address; a range in it stands for its first value."""
    if name.count(":") < 2:
        return False
    try:
        ip_address(_HEX_RANGE.sub(r"\1", name))
    except ValueError:
        return False
    return True


def split_port(text: str) -> tuple[str, int | None]:
    """`web:2222` is `web` and 2222; what is no address stays as it is, as in Ansible."""
    return _split(text) if is_address(text) else (text, None)


def _split(text: str) -> tuple[str, int | None]:
    match = _WITH_PORT.match(text)
    if not match:
        return text, None
    return match["bracketed"] or match["plain"] or "", int(match["port1"] or match["port2"])


def expand(text: str) -> tuple[list[str], int | None]:
    """All host names of an entry, and its port. Raises ValueError with the reason when a range makes no sense."""
    name, port = split_port(text)
    return _names(name), port


def _names(pattern: str) -> list[str]:
    if "[" not in pattern:
        return [pattern]
    head, _, rest = pattern.partition("[")
    bounds, bracket, tail = rest.partition("]")
    if not bracket:
        raise ValueError(f"`{pattern}` opens a range and does not close it")
    names: list[str] = []
    tails = _names(tail)
    for value in _values(bounds):
        names.extend(f"{head}{value}{end}" for end in tails)
        if len(names) > _MOST_HOSTS:
            raise ValueError(f"`{pattern}` stands for more than {_MOST_HOSTS} hosts")
    return names


def _values(bounds: str) -> list[str]:
    parts = bounds.split(":")
    if len(parts) not in (2, 3):
        raise ValueError(f"the range `[{bounds}]` must be begin:end or begin:end:step")
    begin, end = parts[0] or "0", parts[1]
    if not end:
        raise ValueError(f"the range `[{bounds}]` must have an end")
    step = _number(parts[2], bounds) if len(parts) == 3 else 1
    if step < 1:
        raise ValueError(f"the step of the range `[{bounds}]` must be 1 or more")
    return _letters(begin, end, step, bounds) or _numbers(begin, end, step, bounds)


def _letters(begin: str, end: str, step: int, bounds: str) -> list[str]:
    letters = string.ascii_letters
    if len(begin) != 1 or len(end) != 1 or begin not in letters or end not in letters:
        return []
    if letters.index(begin) > letters.index(end):
        raise ValueError(f"the range `[{bounds}]` must not begin after its end")
    return list(letters[letters.index(begin) : letters.index(end) + 1 : step])


def _numbers(begin: str, end: str, step: int, bounds: str) -> list[str]:
    width = len(begin) if begin[0] == "0" and len(begin) > 1 else 0
    if width and width != len(end):
        raise ValueError(
            f"begin and end of the range `[{bounds}]` must have the same length when they have leading zeros"
        )
    first, last = _number(begin, bounds), _number(end, bounds)
    if (last - first) // step > _MOST_HOSTS:
        raise ValueError(f"the range `[{bounds}]` stands for more than {_MOST_HOSTS} hosts")
    return [str(value).zfill(width) for value in range(first, last + 1, step)]


def _number(text: str, bounds: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f"the range `[{bounds}]` must be of numbers or of letters")
    return int(text)
