"""What dpkg has installed, and how Ansible writes package wishes (`name`, `name=1.2*`, `name:arch`)."""

from __future__ import annotations

import fnmatch
import re
from typing import Dict, Iterable, List, NamedTuple, Optional

from provision.agent.errors import Failed
from provision.agent.target import Target

_SPEC = re.compile(r"^(?P<name>[^=<>\s]+?)(?::(?P<arch>[a-z0-9-]+))?(?:\s*(?P<relation>>=|=)\s*(?P<version>[^\s=]+))?$")
_FORMAT = "${Package}\\t${Architecture}\\t${Version}\\t${db:Status-Status}\\t${Provides}\\n"


class Wish(NamedTuple):
    """One package that a task names."""

    name: str
    arch: str = ""
    relation: str = ""
    version: str = ""

    @property
    def full(self) -> str:
        """Name and architecture, as apt-get takes them."""
        return self.name + (":" + self.arch if self.arch else "")


class Package(NamedTuple):
    """One package that dpkg knows."""

    name: str
    arch: str
    version: str
    status: str


class Installed:
    """Everything dpkg knows, asked once."""

    def __init__(self, packages: List[Package], provided: Dict[str, List[str]]) -> None:
        self._by_name: Dict[str, List[Package]] = {}
        for package in packages:
            self._by_name.setdefault(package.name, []).append(package)
        self._provided = provided

    def version(self, wish: Wish) -> Optional[str]:
        """The installed version; None when it is not installed. A provider counts for a virtual package."""
        found = self._found(wish, ("installed", "half-configured", "triggers-awaited", "triggers-pending"))
        if found:
            return found[0].version
        providers = self._provided.get(wish.name, []) if not wish.version else []
        return self.version(Wish(providers[0])) if providers else None

    def left_behind(self, wish: Wish) -> bool:
        """Whether it was removed but its configuration files are still there."""
        return bool(self._found(wish, ("config-files",)))

    def present(self, wish: Wish) -> bool:
        """Whether it is installed in the version that is asked for."""
        version = self.version(wish)
        if version is None or wish.relation != "=":
            return version is not None and (not wish.version or not older(version, wish.version))
        return fnmatch.fnmatch(version, wish.version)

    def matching(self, pattern: str) -> List[str]:
        """Names of installed packages that match a pattern."""
        everything = (package for packages in self._by_name.values() for package in packages)
        return sorted(
            {one.name for one in everything if one.status == "installed" and fnmatch.fnmatch(one.name, pattern)}
        )

    def _found(self, wish: Wish, statuses: Iterable[str]) -> List[Package]:
        return [
            package
            for package in self._by_name.get(wish.name, [])
            if package.status in statuses and wish.arch in ("", "any", package.arch)
        ]


def parse(text: str) -> Wish:
    """Read a wish; Failed for what is none."""
    matched = _SPEC.match(text.strip())
    if not matched:
        raise Failed("invalid package spec: %s" % text)
    return Wish(matched["name"], matched["arch"] or "", matched["relation"] or "", matched["version"] or "")


def installed(target: Target) -> Installed:
    """Ask dpkg."""
    completed = target.query(target.need("dpkg-query"), "-W", "-f", _FORMAT)
    return installed_from(completed.stdout)


def installed_from(listing: str) -> Installed:
    """From what dpkg-query prints in our format."""
    packages: List[Package] = []
    provided: Dict[str, List[str]] = {}
    for line in listing.splitlines():
        name, arch, version, status, provides = (line.split("\t") + [""] * 5)[:5]
        packages.append(Package(name, arch, version, status))
        if status == "installed":
            for other in provides.split(","):
                virtual = other.split("(")[0].split(":")[0].strip()
                if virtual:
                    provided.setdefault(virtual, []).append(name)
    return Installed(packages, provided)


def older(one: str, other: str) -> bool:
    """Whether one Debian version is lower than another, by Debian's rules."""
    return _key(one) < _key(other)


def _key(version: str) -> "tuple[int, list[tuple[list[int], int]], list[tuple[list[int], int]]]":
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, dash, revision = rest.rpartition("-")
    if not dash:
        upstream, revision = rest, ""
    return int(epoch) if epoch.isdigit() else 0, _parts(upstream), _parts(revision)


def _parts(text: str) -> "list[tuple[list[int], int]]":
    """Runs of non-digits and digits in turn; `~` sorts before the end, letters before other signs."""
    pieces = re.findall(r"([^0-9]*)([0-9]*)", text)
    return [([_rank(sign) for sign in signs] + [0], int(digits or 0)) for signs, digits in pieces]


def _rank(sign: str) -> int:
    if sign == "~":
        return -1
    return ord(sign) if sign.isalpha() else ord(sign) + 256
