"""Writes the tool's own inventory: plain YAML that Ansible reads, changed in place, whole or not at all.

The file is edited as a YAML tree, so that entries, tags and spellings of others stay as they are.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode

from provision.errors import UsageProblem
from provision.inventory.documents import InputErrors, parse, read_text

_MAP = "tag:yaml.org,2002:map"
_NULL = "tag:yaml.org,2002:null"
_HEAD = "# Machines made by provision; a plain Ansible inventory. Your own entries are kept, comments below are not.\n"


@dataclass(frozen=True)
class MachineEntry:
    """A machine as the inventory knows it."""

    name: str
    vars: Mapping[str, Any] = field(default_factory=dict)
    groups: tuple[str, ...] = ()


def remember(path: Path, entry: MachineEntry) -> None:
    """Writes or replaces this machine's variables, and puts it into its groups."""
    with _editing(path) as top:
        everyone = _child(top, "all")
        _set(_child(everyone, "hosts"), entry.name, _node(dict(entry.vars)))
        for group in entry.groups:
            hosts = _child(_child(_child(everyone, "children"), group), "hosts")
            if _get(hosts, entry.name) is None:
                _set(hosts, entry.name, _node({}))


def forget(path: Path, name: str) -> None:
    """Takes this machine out of every group; a group that is empty by this goes as well."""
    if path.exists():
        with _editing(path) as top:
            for _, group in list(top.value):
                _take_out(group, name)


def _take_out(group: Node, name: str) -> bool:
    """Whether the group had the host, here or below, and says nothing any more."""
    if not isinstance(group, MappingNode):
        return False
    hosts, children = _get(group, "hosts"), _get(group, "children")
    had = isinstance(hosts, MappingNode) and _drop(hosts, name)
    if isinstance(children, MappingNode):
        for key, child in list(children.value):
            if _take_out(child, name):
                had = _drop(children, key.value)
    for key in ("hosts", "children"):
        if had and isinstance(section := _get(group, key), MappingNode) and not section.value:
            _drop(group, key)
    return had and not group.value


@contextmanager
def _editing(path: Path) -> Iterator[MappingNode]:
    """The file's tree under a lock; written back beside the file and moved into place."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (path.parent / f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        top = _read(path)
        yield top
        _write(path, _HEAD + yaml.serialize(top, Dumper=yaml.SafeDumper, allow_unicode=True, width=120))


def _read(path: Path) -> MappingNode:
    if not path.exists():
        return _empty()
    text = read_text(path)
    faults = [fault for fault in parse(text, str(path)).faults if "vault" not in fault.text]
    if faults:
        raise InputErrors(tuple(faults), hint=f"mend {path}, or move it away to start a new one")
    tree = yaml.compose(text, Loader=yaml.SafeLoader)
    if tree is None or tree.tag == _NULL:
        return _empty()
    if not isinstance(tree, MappingNode):
        raise UsageProblem(f"{path} is not an inventory", "it holds no mapping of groups", f"move {path} away")
    return tree


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise UsageProblem(f"cannot write {path}", error.strerror or str(error)) from error


def _empty() -> MappingNode:
    return MappingNode(_MAP, [], flow_style=False)


def _node(value: Any) -> Node:
    """A value as a tree, as Ansible reads it back."""
    tree = yaml.compose(yaml.safe_dump(value, allow_unicode=True, sort_keys=False), Loader=yaml.SafeLoader)
    assert tree is not None
    return tree


def _get(mapping: MappingNode, key: str) -> Node | None:
    return next((value for name, value in mapping.value if name.value == key), None)


def _set(mapping: MappingNode, key: str, value: Node) -> None:
    mapping.flow_style = False
    for place, (name, _) in enumerate(mapping.value):
        if name.value == key:
            mapping.value[place] = (name, value)
            return
    mapping.value.append((_node(key), value))


def _drop(mapping: MappingNode, key: str) -> bool:
    kept = [(name, value) for name, value in mapping.value if name.value != key]
    dropped = len(kept) < len(mapping.value)
    mapping.value[:] = kept
    return dropped


def _child(mapping: MappingNode, key: str) -> MappingNode:
    """The mapping at this key, made where there is none."""
    found = _get(mapping, key)
    if isinstance(found, MappingNode):
        return found
    made = _empty()
    if isinstance(found, ScalarNode) and found.value and found.tag != _NULL:
        made.value.append((found, _node({})))
    _set(mapping, key, made)
    return made
