"""Variables in files of their own: `group_vars/NAME` and `host_vars/NAME`, a file or a folder of files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from provision.inventory.documents import Fault, InputErrors, Location, parse, read_text
from provision.inventory.places import is_file, is_folder

_EXTENSIONS = ("", ".yml", ".yaml", ".json")


@dataclass(frozen=True)
class VarsFolder:
    """The folder that holds `group_vars/` and `host_vars/`; each file is read once, when it is asked for."""

    folder: Path

    def group(self, name: str) -> Mapping[str, Any]:
        """What group_vars/ says about a group."""
        return self._said("group_vars", name)

    def host(self, name: str) -> Mapping[str, Any]:
        """What host_vars/ says about a host."""
        return self._said("host_vars", name)

    @cached_property
    def _names(self) -> Mapping[str, frozenset[str]]:
        return {kind: _entries(self.folder / kind) for kind in ("group_vars", "host_vars")}

    @cached_property
    def _read(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        return {}

    def _said(self, kind: str, name: str) -> Mapping[str, Any]:
        if not self._names[kind] or name.startswith("/"):
            return {}
        if (kind, name) not in self._read:
            self._read[kind, name] = _merged(self.folder / kind, name)
        return self._read[kind, name]


def _entries(folder: Path) -> frozenset[str]:
    try:
        return frozenset(entry.name for entry in folder.iterdir())
    except OSError:
        return frozenset()


def _merged(folder: Path, name: str) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for path in vars_paths(folder, name):
        merged.update(read_vars(path))
    return merged


def vars_paths(folder: Path, name: str) -> list[Path]:
    """The files of this name: the first of NAME, NAME.yml, NAME.yaml and NAME.json; of a folder, all files in it."""
    for extension in _EXTENSIONS:
        path = folder / (name + extension)
        if is_folder(path):
            return list(_inside(path))
        if is_file(path):
            return [path]
    return []


def _inside(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name.endswith("~"):
            continue
        if is_folder(path) and not path.suffix:
            yield from _inside(path)
        elif is_file(path) and path.suffix in _EXTENSIONS:
            yield path


def read_vars(path: Path) -> dict[str, Any]:
    """The variables of one file. An empty file has none."""
    document = parse(read_text(path), str(path))
    faults = list(document.faults)
    if not faults and not isinstance(document.value, (dict, type(None))):
        faults.append(Fault(Location(str(path), 1), "a file of variables holds one mapping of names to values"))
    if faults:
        raise InputErrors(tuple(faults))
    return document.value or {}
