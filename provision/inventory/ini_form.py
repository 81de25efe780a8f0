"""Reads inventories written in Ansible's INI form: `[group]`, `[group:children]`, `[group:vars]`, `host key=value`."""

from __future__ import annotations

import ast
import re
import shlex
import warnings
from typing import Any

from provision.inventory.addresses import expand
from provision.inventory.documents import Location, nearest
from provision.inventory.draft import Draft

_SECTION = re.compile(r"^\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?$")
_NAME = re.compile(r"^([^:\]\s]+)\s*(?:#.*)?$")
_KINDS = ("hosts", "children", "vars")


def read_ini(text: str, file: str, draft: Draft) -> None:
    """Adds everything that the text says to the draft; a group may be declared after it is referred to."""
    _Reader(file, draft).read(text)


def typed(text: str) -> Any:
    """A value as Ansible's INI form takes it: a Python literal where it is one, else the text."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return text


class _Reader:
    def __init__(self, file: str, draft: Draft) -> None:
        self._file = file
        self._draft = draft
        self._group = "ungrouped"
        self._kind = "hosts"
        self._line = 0
        self._declared: set[str] = {"all", "ungrouped", *draft.groups}
        self._wanted: list[tuple[str, Location, str]] = []

    def read(self, text: str) -> None:
        for number, line in enumerate(text.splitlines(), 1):
            self._line = number
            content = line.strip()
            if content and content[0] not in ";#":
                self._take(content)
        for group, where, why in self._wanted:
            if group not in self._declared:
                self._draft.fault(where, why, nearest(group, self._declared))

    @property
    def _where(self) -> Location:
        return Location(self._file, self._line)

    def _fault(self, text: str, near: str = "") -> None:
        self._draft.fault(self._where, text, near)

    def _take(self, line: str) -> None:
        section = _SECTION.match(line)
        if section:
            self._begin(section[1], section[2] or "hosts")
        elif line.startswith("[") and line.endswith("]"):
            self._fault(
                f"`{line}` is not a section: write `[group]`, `[group:children]` or `[group:vars]`, without spaces"
            )
        else:
            {"hosts": self._host, "children": self._child, "vars": self._variable}[self._kind](line)

    def _begin(self, group: str, kind: str) -> None:
        if kind not in _KINDS:
            self._fault(f"`[{group}:{kind}]` is not a kind of section", nearest(kind, _KINDS))
            kind = "hosts"
        self._group, self._kind = group, kind
        self._draft.group(group, self._where)
        if kind == "vars":
            self._wanted.append((group, self._where, f"`[{group}:vars]` speaks of a group that is not there"))
        else:
            self._declared.add(group)

    def _child(self, line: str) -> None:
        match = _NAME.match(line)
        if not match:
            self._fault(f"expected the name of a group, got `{line}`")
            return
        self._draft.group(match[1], self._where)
        self._draft.groups[self._group].children.setdefault(match[1], self._where)
        self._wanted.append(
            (match[1], self._where, f"`[{self._group}:children]` names a group that is not there: `{match[1]}`")
        )

    def _variable(self, line: str) -> None:
        key, equals, value = line.partition("=")
        if equals:
            self._draft.set_group_variable(self._group, key.strip(), typed(value.strip()), self._where)
        else:
            self._fault(f"expected key=value, got `{line}`")

    def _host(self, line: str) -> None:
        try:
            words = shlex.split(line, comments=True)
            names, port = expand(words[0])
        except (ValueError, IndexError) as error:
            self._fault(f"`{line}`: {error}")
            return
        if words[0].endswith(":") or words[0] == "---":
            self._fault(f"`{words[0]}` is not a host; this looks like YAML, whose files end in .yml")
            return
        variables = self._assignments(words[1:])
        for name in names:
            self._draft.host(name, self._group, port, variables)

    def _assignments(self, words: list[str]) -> dict[str, Any]:
        variables: dict[str, Any] = {}
        for word in words:
            key, equals, value = word.partition("=")
            if not equals:
                self._fault(f"expected key=value after the host, got `{word}`")
            else:
                variables[key] = typed(value)
        return variables
