"""Finds roles on disk and reads the files of one: its tasks, handlers, variables and what it depends on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provision import shipped
from provision.inventory.documents import Document, Location
from provision.inventory.places import is_file, is_folder
from provision.playbook.problems import Notebook, kind_of

_DEFAULT_PLACES = ("~/.ansible/roles", "/usr/share/ansible/roles", "/etc/ansible/roles")
_ENDINGS = (".yml", ".yaml", ".json", "")


@dataclass(frozen=True)
class RoleFiles:
    """What the files of a role say; nothing is read as tasks yet."""

    name: str
    path: Path
    tasks: Document | None
    handlers: Document | None
    defaults: Mapping[str, Any]
    vars: Mapping[str, Any]
    dependencies: Document | None
    allow_duplicates: bool = False


@dataclass(frozen=True)
class Parts:
    """Which file of each folder is meant; `main` unless include_role or import_role says otherwise."""

    tasks: str = ""
    handlers: str = ""
    vars: str = ""
    defaults: str = ""


def places(play_folder: Path, beside: Path | None = None) -> tuple[Path, ...]:
    """Where roles are looked for, in Ansible's order, and then among those that come with provision."""
    configured = os.environ.get("ANSIBLE_ROLES_PATH", "")
    named = configured.split(":") if configured else _DEFAULT_PLACES
    folders = [play_folder / "roles", *(Path(place).expanduser() for place in named if place)]
    folders += [beside] if beside else []
    return tuple(dict.fromkeys([*folders, play_folder, shipped.folder("playbooks") / "roles"]))


def find_role(name: str, play_folder: Path, beside: Path | None = None) -> Path | None:
    """The folder of a role: by its name in the search path, or by its path."""
    found = (place / name for place in (*places(play_folder, beside), Path()))
    return next((Path(os.path.normpath(path.absolute())) for path in found if name and is_folder(path)), None)


def known_roles(play_folder: Path) -> list[str]:
    """The names of all roles in the search path, for suggestions."""
    folders = [place for place in places(play_folder) if place.name == "roles" and is_folder(place)]
    return sorted({entry.name for place in folders for entry in place.iterdir() if is_folder(entry)})


def read_role_files(path: Path, name: str, parts: Parts, where: Location, notes: Notebook) -> RoleFiles:
    """Reads the files of the role in this folder; what is wrong with them is noted."""
    meta = _document(path, "meta", "", where, notes)
    said = meta.value if meta and isinstance(meta.value, dict) else {}
    if meta and meta.value is not None and not isinstance(meta.value, dict):
        notes.fault(meta.where(), f"the meta file of a role holds a mapping, not {kind_of(meta.value)}")
    if said.get("argument_specs") or _file(path / "meta", "argument_specs"):
        notes.warn(where, f"the argument specs of the role `{name}` are not checked by provision yet")
    return RoleFiles(
        name,
        path,
        _document(path, "tasks", parts.tasks, where, notes),
        _document(path, "handlers", parts.handlers, where, notes),
        _variables(path, "defaults", parts.defaults, where, notes),
        _variables(path, "vars", parts.vars, where, notes),
        meta if said.get("dependencies") else None,
        bool(said.get("allow_duplicates", False)),
    )


def _file(folder: Path, name: str) -> Path | None:
    """NAME with one of the endings that role files may have."""
    return next((path for ending in _ENDINGS if is_file((path := folder / f"{name}{ending}"))), None)


def _document(path: Path, kind: str, name: str, where: Location, notes: Notebook) -> Document | None:
    exact = path / kind / name
    found = exact if name and is_file(exact) else _file(path / kind, name or "main")
    if found is None:
        if name:
            notes.fault(where, f"the role `{path.name}` has no {kind}/{name}", name, _names(path / kind))
        return None
    return notes.read(found, where)


def _names(folder: Path) -> list[str]:
    return [entry.stem for entry in folder.iterdir()] if is_folder(folder) else []


def _variables(path: Path, kind: str, name: str, where: Location, notes: Notebook) -> Mapping[str, Any]:
    """defaults/ or vars/: one file, or the files of a folder `main/` together."""
    folder = path / kind / (name or "main")
    if is_folder(folder):
        documents = [notes.read(file, where) for file in _inside(folder)]
    else:
        single = _document(path, kind, name, where, notes)
        documents = [single] if single else []
    merged: dict[str, Any] = {}
    for document in documents:
        if isinstance(document.value, dict):
            merged.update({str(key): value for key, value in document.value.items()})
        elif document.value is not None:
            notes.fault(document.where(), f"a file of variables holds one mapping, not {kind_of(document.value)}")
    return merged


def _inside(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if is_folder(entry):
            yield from _inside(entry)
        elif entry.suffix in _ENDINGS and not entry.name.startswith(".") and not entry.name.endswith("~"):
            yield entry
