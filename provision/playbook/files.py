"""Where tasks find their files: beside the role that a task belongs to, its task file, and the playbook."""

from __future__ import annotations

import datetime
import os
import pwd
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from provision.inventory.places import exists
from provision.playbook.values import Task


def search_path(task: Task, play_folder: Path) -> tuple[Path, ...]:
    """The folders of a task, nearest first: its role, the roles that depend on that, its file's folder, the play's."""
    roles = (task.role.path, *task.role.above) if task.role else ()
    return tuple(dict.fromkeys((*roles, task.folder, play_folder)))


def find(search: Iterable[Path], subfolder: str, name: str) -> Path | None:
    """The first file or folder of this name in `FOLDER/subfolder` or `FOLDER` of the search path."""
    wanted = Path(name).expanduser()
    if wanted.is_absolute():
        return wanted if exists(wanted) else None
    return next((path for path in candidates(search, subfolder, name) if exists(path)), None)


def candidates(search: Iterable[Path], subfolder: str, name: str) -> list[Path]:
    """Where a relative name is looked for, in order."""
    found: dict[Path, None] = {}
    for folder in search:
        for origin in (folder.parent, folder) if folder.name == "tasks" else (folder,):
            found[origin / subfolder / name] = None
        found[folder / name] = None
    return list(found)


def template_variables(path: Path, destination: str = "") -> Mapping[str, Any]:
    """The variables that a template has about itself."""
    status = path.stat()
    return {
        "template_host": os.uname().nodename,
        "template_path": str(path),
        "template_mtime": datetime.datetime.fromtimestamp(status.st_mtime),
        "template_uid": _owner(status.st_uid),
        "template_run_date": datetime.datetime.now(),
        "template_destpath": destination or None,
        "template_fullpath": str(path.absolute()),
        "ansible_managed": "Ansible managed",
    }


def _owner(uid: int) -> Any:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return uid
