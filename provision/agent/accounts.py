"""Users and groups as the account files have them, for the modules user and group."""

from __future__ import annotations

import os
from typing import Dict, List, NamedTuple, Optional

PASSWD, GROUP, SHADOW = "/etc/passwd", "/etc/group", "/etc/shadow"


class Account(NamedTuple):
    """A line of /etc/passwd."""

    name: str
    uid: int
    gid: int
    comment: str
    home: str
    shell: str


class Secret(NamedTuple):
    """A line of /etc/shadow: password hash and the days of its aging, as text."""

    password: str = ""
    least: str = ""
    most: str = ""
    warn: str = ""
    inactive: str = ""
    expires: str = ""


class Team(NamedTuple):
    """A line of /etc/group."""

    name: str
    gid: int
    members: List[str]


def users(path: str = PASSWD) -> Dict[str, Account]:
    """All local accounts."""
    found = {}
    for fields in _lines(path, 7):
        found[fields[0]] = Account(fields[0], int(fields[2]), int(fields[3]), *fields[4:7])
    return found


def groups(path: str = GROUP) -> Dict[str, Team]:
    """All local groups."""
    return {
        fields[0]: Team(fields[0], int(fields[2]), [name for name in fields[3].split(",") if name])
        for fields in _lines(path, 4)
    }


def secret(name: str, path: str = SHADOW) -> Optional[Secret]:
    """What /etc/shadow has of a user; None where it cannot be read or has nothing."""
    for fields in _lines(path, 8):
        if fields[0] == name:
            return Secret(fields[1], fields[3], fields[4], fields[5], fields[6], fields[7])
    return None


def _lines(path: str, count: int) -> List[List[str]]:
    if not os.access(path, os.R_OK):
        return []
    with open(path, errors="surrogateescape") as file:
        rows = [line.rstrip("\n").split(":") for line in file]
    return [row for row in rows if len(row) >= count]
