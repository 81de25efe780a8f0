"""Hosts, groups and the inventory, as values that nothing changes after reading."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from provision.errors import UsageProblem
from provision.inventory import patterns
from provision.inventory.vars_files import VarsFolder

LOCALHOSTS = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Group:
    """One group: its hosts (those of its children too, in Ansible's order), its own variables, its rank."""

    name: str
    hosts: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    vars: Mapping[str, Any] = field(default_factory=dict)
    depth: int = 0
    priority: int = 1

    @property
    def rank(self) -> tuple[int, int, str]:
        """Groups are merged in this order; what comes later wins."""
        return self.depth, self.priority, self.name


@dataclass(frozen=True)
class Host:
    """One host. `vars` is everything the inventory says about it, merged; `own` what its own entry says.

    `groups` are its groups and their parents, without `all`, sorted (Ansible's `group_names`).
    """

    name: str
    groups: tuple[str, ...] = ()
    vars: Mapping[str, Any] = field(default_factory=dict)
    own: Mapping[str, Any] = field(default_factory=dict)
    implicit: bool = False


@dataclass(frozen=True)
class Inventory:
    """Hosts and groups of one run. `folders` hold the group_vars/ and host_vars/ beside the inventory files."""

    hosts: Mapping[str, Host]
    groups: Mapping[str, Group]
    sources: tuple[str, ...] = ()
    folders: tuple[VarsFolder, ...] = ()
    playbook_folders: tuple[VarsFolder, ...] = ()

    def select(self, pattern: str | Sequence[str], limit: str = "") -> tuple[Host, ...]:
        """The hosts that a play's `hosts` means, in inventory order, cut down by `--limit`."""
        chosen = self._matching(pattern)
        if limit:
            within = {host.name for host in self._matching(patterns.limit_words(limit))}
            chosen = [host for host in chosen if host.name in within]
        return tuple(chosen)

    def unmatched(self, pattern: str | Sequence[str]) -> tuple[str, ...]:
        """The words of a pattern that stand for no host and no group, for a warning."""
        words = patterns.split(pattern)
        return tuple(word for word in words if word.lstrip("!&") != "all" and not self._known(word))

    def _known(self, word: str) -> bool:
        expression, _ = patterns.subscript(word.lstrip("!&"))
        return bool(patterns.matching(self.groups, expression) or self._enumerate(expression))

    def host(self, name: str) -> Host | None:
        """The host of this name; `localhost` and its addresses exist without being written down."""
        found = self.hosts.get(name)
        return found if found or name not in LOCALHOSTS else self._localhost(name)

    def _localhost(self, name: str) -> Host:
        written = next((self.hosts[known] for known in self.hosts if known in LOCALHOSTS), None)
        if written:
            return written
        own = {"ansible_python_interpreter": sys.executable, "ansible_connection": "local"}
        return self._with_vars(Host(name, own=own, implicit=True))

    def beside(self, folder: Path) -> Inventory:
        """The same inventory with the group_vars/ and host_vars/ of a playbook's folder merged in."""
        if any(known.folder == folder for known in self.playbook_folders):
            return self
        return replace(self, playbook_folders=(VarsFolder(folder),)).merged()

    def merged(self) -> Inventory:
        """The same inventory with every host's `vars` worked out."""
        return replace(self, hosts={name: self._with_vars(host) for name, host in self.hosts.items()})

    def with_host(self, name: str, groups: Iterable[str] = (), variables: Mapping[str, Any] | None = None) -> Inventory:
        """An inventory that has this host as well (`add_host`), in these groups, made where they are missing."""
        old = self.hosts.get(name, Host(name))
        chosen = Host(name, tuple(sorted({*old.groups, *groups} - {"all"})), own={**old.own, **(variables or {})})
        changed = dict(self.groups)
        for group in ("all", *groups, *([] if chosen.groups else ["ungrouped"])):
            known = changed.get(group, Group(group, parents=("all",), depth=1))
            changed[group] = replace(known, hosts=tuple(dict.fromkeys((*known.hosts, name))))
        extended = replace(self, groups=changed, hosts={**self.hosts, name: chosen})
        return replace(extended, hosts={**self.hosts, name: extended._with_vars(chosen)})

    def _with_vars(self, host: Host) -> Host:
        """Ansible's order: all and groups as written, then group_vars/all, then group_vars/*, then the host's own."""
        ranked = self._ranked(host)
        layers: list[Mapping[str, Any]] = [group.vars for group in (*self._all, *ranked)]
        layers += [found.group("all") for found in self._vars_folders if self._all]
        layers += [folder.group(group.name) for folder in self._vars_folders for group in ranked]
        layers += [host.own, *(found.host(host.name) for found in self._vars_folders)]
        merged: dict[str, Any] = {}
        for layer in layers:
            merged.update(layer)
        return replace(host, vars=merged)

    def _ranked(self, host: Host) -> list[Group]:
        found = (self.groups[name] for name in host.groups if name in self.groups)
        return sorted(found, key=lambda group: group.rank)

    @cached_property
    def _all(self) -> list[Group]:
        return [self.groups["all"]] if "all" in self.groups else []

    @property
    def _vars_folders(self) -> tuple[VarsFolder, ...]:
        return self.folders + self.playbook_folders

    def _matching(self, pattern: str | Sequence[str]) -> list[Host]:
        chosen: dict[str, Host] = {}
        for word in patterns.ordered(patterns.split(pattern)):
            if word in self.hosts:
                chosen[word] = self.hosts[word]
                continue
            found = {host.name: host for host in self._one(word.removeprefix("!").removeprefix("&"))}
            if word.startswith("!"):
                chosen = {name: host for name, host in chosen.items() if name not in found}
            elif word.startswith("&"):
                chosen = {name: host for name, host in chosen.items() if name in found}
            else:
                chosen = {**chosen, **found}
        return list(chosen.values())

    def _one(self, word: str) -> list[Host]:
        expression, chosen = patterns.subscript(word)
        found = self._enumerate(expression)
        if chosen is None or not found:
            return found
        start, end = chosen
        if end is not None:
            return found[start : len(found) if end == -1 else end + 1]
        if not -len(found) <= start < len(found):
            raise UsageProblem(f"the host pattern `{word}` asks for more than the {len(found)} hosts there are")
        return [found[start]]

    def _enumerate(self, expression: str) -> list[Host]:
        names: dict[str, None] = {}
        groups = patterns.matching(self.groups, expression)
        for group in groups:
            names.update(dict.fromkeys(self.groups[group].hosts))
        if not groups or patterns.may_match_hosts(expression):
            names.update(dict.fromkeys(patterns.matching(self.hosts, expression)))
        found = [self.hosts[name] for name in names]
        if not found and expression in LOCALHOSTS:
            return [host for host in [self.host(expression)] if host]
        return found
