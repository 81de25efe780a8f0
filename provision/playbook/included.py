"""What `include_vars` brings: one file, or the files of a folder, as Ansible chooses them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provision.errors import UsageProblem
from provision.inventory.places import is_folder
from provision.playbook.documents import load_mapping
from provision.playbook.files import find, search_path
from provision.playbook.filters.text import as_bool
from provision.playbook.values import Task

_OF_A_FOLDER = ("depth", "files_matching", "ignore_files", "extensions", "ignore_unknown_extensions")


@dataclass(frozen=True)
class Included:
    """The variables (templates in them unrendered), and the files they came from."""

    values: Mapping[str, Any]
    files: tuple[Path, ...]


def include_vars(task: Task, args: Mapping[str, Any], play_folder: Path) -> Included:
    """The variables that an include_vars names. `args` are the task's arguments, rendered."""
    if args.get("hash_behaviour") == "merge":
        raise UsageProblem(f"{task.where}: `hash_behaviour: merge` is known to Ansible, not done by provision yet")
    files = _of_folder(task, args) if args.get("dir") else (_file(task, args, play_folder),)
    values: dict[str, Any] = {}
    for path in files:
        values.update(load_mapping(path))
    name = args.get("name")
    return Included({str(name): values} if name else values, files)


def _file(task: Task, args: Mapping[str, Any], play_folder: Path) -> Path:
    mixed = [option for option in _OF_A_FOLDER if option in args]
    name = str(args.get("file") or args.get("_raw_params") or "").strip()
    if not name or mixed:
        said = f"`{mixed[0]}` goes with `dir`" if mixed else "it needs `file` or `dir`"
        raise UsageProblem(f"{task.where}: include_vars makes no sense: {said}")
    path = find(search_path(task, play_folder), "vars", name)
    if path is None:
        searched = ", ".join(str(folder) for folder in search_path(task, play_folder))
        raise UsageProblem(f"{task.where}: there is no file `{name}` to include", f"searched in {searched}")
    return path


def _of_folder(task: Task, args: Mapping[str, Any]) -> tuple[Path, ...]:
    """The files of a folder and of those below it, in order."""
    folder = _folder(task, str(args["dir"]))
    if not is_folder(folder):
        raise UsageProblem(f"{task.where}: {folder} directory does not exist")
    deepest = int(args.get("depth") or 0)
    return tuple(
        path
        for root, names in _levels(folder)
        if not deepest or len(root.relative_to(folder).parts) < deepest
        for path in (root / name for name in names)
        if _is_wanted(path, task, args)
    )


def _folder(task: Task, name: str) -> Path:
    """Relative to the role's vars/ where there is a role, else to the file that holds the task."""
    if task.role is None:
        return task.folder / name
    inside = task.role.path / name
    return inside if name.split("/")[0] == "vars" and is_folder(inside) else task.role.path / "vars" / name


def _levels(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    for root, _, names in sorted(os.walk(folder, followlinks=True)):
        yield Path(root), sorted(names)


def _is_wanted(path: Path, task: Task, args: Mapping[str, Any]) -> bool:
    """Whether the options choose this file; one of another kind must be ignored explicitly."""
    matching, ignored = args.get("files_matching"), args.get("ignore_files") or []
    patterns = ignored.split() if isinstance(ignored, str) else ignored
    if task.role and path == task.role.path / "vars" / "main.yml":
        return False
    if (matching and not re.search(str(matching), path.name)) or any(re.search(f"{p}$", path.name) for p in patterns):
        return False
    kinds = args.get("extensions") or ["yaml", "yml", "json"]
    if path.suffix.removeprefix(".") in kinds:
        return True
    if as_bool(args.get("ignore_unknown_extensions")):
        return False
    raise UsageProblem(
        f"{path} does not have a valid extension: {', '.join(kinds)}", f"{task.where} includes its folder"
    )
