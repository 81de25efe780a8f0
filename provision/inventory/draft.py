"""An inventory while it is being read: sources add groups, hosts and variables; `finish` makes the values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provision.inventory.documents import Fault, Location
from provision.inventory.hosts import Group, Host, Inventory
from provision.inventory.places import is_folder
from provision.inventory.vars_files import VarsFolder


@dataclass
class GroupDraft:
    """A group with what was said about it so far, and the place that spoke of it first."""

    name: str
    where: Location
    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, Location] = field(default_factory=dict)
    vars: dict[str, Any] = field(default_factory=dict)
    priority: int = 1


@dataclass
class HostDraft:
    """A host with what its own entries said."""

    name: str
    vars: dict[str, Any] = field(default_factory=dict)


class Draft:
    """Collects what the sources say, and every fault in them."""

    def __init__(self) -> None:
        nowhere = Location("", 0)
        self.groups = {name: GroupDraft(name, nowhere) for name in ("all", "ungrouped")}
        self.hosts: dict[str, HostDraft] = {}
        self.faults: list[Fault] = []
        self.source = ""
        self.folder = ""

    def begin(self, source: str, folder: str) -> None:
        """From here on, new hosts come from this source."""
        self.source, self.folder = source, folder

    def fault(self, where: Location, text: str, nearest: str = "") -> None:
        self.faults.append(Fault(where, text, nearest))

    def group(self, name: str, where: Location) -> GroupDraft:
        return self.groups.setdefault(name, GroupDraft(name, where))

    def host(self, name: str, group: str, port: int | None = None, variables: Mapping[str, Any] | None = None) -> None:
        """This host is in this group; a port counts where the host is named for the first time, as in Ansible."""
        if name not in self.hosts:
            first = {"ansible_port": port} if port else {}
            self.hosts[name] = HostDraft(name, {**first, "inventory_file": self.source, "inventory_dir": self.folder})
        elif port:
            self.hosts[name].vars["ansible_port"] = port
        self.groups[group].hosts[name] = None
        self.hosts[name].vars.update(variables or {})

    def set_group_variable(self, group: str, key: str, value: Any, where: Location) -> None:
        draft = self.groups[group]
        if key != "ansible_group_priority":
            draft.vars[key] = value
            return
        try:
            draft.priority = int(value)
        except (TypeError, ValueError):
            self.fault(where, f"ansible_group_priority is a number, not `{value}`")

    def finish(self, sources: tuple[str, ...], folders: tuple[Path, ...]) -> Inventory:
        """The values. Faults of the whole (groups that contain themselves) are added to `faults`."""
        self._refuse_circles()
        if self.faults:
            return Inventory({}, {})
        self._settle()
        parents = self._parents()
        depths = {name: self._depth(name, parents, {}) for name in self.groups}
        groups = {name: self._group(draft, parents, depths) for name, draft in self.groups.items()}
        hosts = {name: Host(name, self._groups_of(name, parents), own=draft.vars) for name, draft in self.hosts.items()}
        return Inventory(hosts, groups, sources, tuple(map(VarsFolder, folders))).merged()

    def _group(self, draft: GroupDraft, parents: Mapping[str, tuple[str, ...]], depths: Mapping[str, int]) -> Group:
        hosts = dict.fromkeys(host for group in self._below(draft.name) for host in self.groups[group].hosts)
        return Group(
            draft.name,
            tuple(hosts),
            tuple(draft.children),
            parents[draft.name],
            draft.vars,
            depths[draft.name],
            draft.priority,
        )

    def _refuse_circles(self) -> None:
        done: set[str] = set()
        for name in list(self.groups):
            self._walk(name, [], done)

    def _walk(self, name: str, path: list[str], done: set[str]) -> None:
        for child, where in list(self.groups[name].children.items()):
            if child == name or child in path:
                self.fault(where, f"the group `{child}` would contain itself: {' > '.join([*path, name, child])}")
                del self.groups[name].children[child]
            elif child not in done:
                self._walk(child, [*path, name], done)
        done.add(name)

    def _settle(self) -> None:
        """Every group hangs under `all`; a host without another group is `ungrouped`."""
        has_parent = {child for draft in self.groups.values() for child in draft.children}
        for name, draft in self.groups.items():
            if name != "all" and name not in has_parent:
                self.groups["all"].children[name] = draft.where
        self.groups["all"].children = {"ungrouped": Location("", 0), **self.groups["all"].children}
        grouped = {h for name, g in self.groups.items() if name not in ("all", "ungrouped") for h in g.hosts}
        loose = [name for name in self.hosts if name not in grouped]
        kept = [name for name in self.groups["ungrouped"].hosts if name not in grouped]
        self.groups["ungrouped"].hosts = dict.fromkeys((*kept, *loose))

    def _parents(self) -> dict[str, tuple[str, ...]]:
        above: dict[str, list[str]] = {name: [] for name in self.groups}
        for name, draft in self.groups.items():
            for child in draft.children:
                above[child].append(name)
        return {name: tuple(found) for name, found in above.items()}

    def _depth(self, name: str, parents: Mapping[str, tuple[str, ...]], known: dict[str, int]) -> int:
        if name not in known:
            known[name] = max((self._depth(parent, parents, known) + 1 for parent in parents[name]), default=0)
        return known[name]

    def _below(self, name: str) -> Iterator[str]:
        """The group and all below it, level by level."""
        seen: dict[str, None] = {name: None}
        level = [name]
        while level:
            level = [child for group in level for child in self.groups[group].children if child not in seen]
            seen.update(dict.fromkeys(level))
        return iter(seen)

    def _groups_of(self, host: str, parents: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        found: set[str] = set()
        waiting = [name for name, draft in self.groups.items() if host in draft.hosts]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(parents[name])
        return tuple(sorted(found - {"all"}))


def folder_of(source: str) -> str:
    """The folder that a source lies in: itself when it is one."""
    path = Path(source).absolute()
    return str(path if is_folder(path) else path.parent)
