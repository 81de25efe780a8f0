"""A file that a task names and that has to be there: where it was looked for is part of the error."""

from __future__ import annotations

from pathlib import Path

from provision.errors import ProvisionError
from provision.playbook import files
from provision.playbook.values import Task


def find(task: Task, kind: str, name: str, playbook_folder: Path) -> Path:
    """The file or folder; a ProvisionError lists where it was looked for."""
    folders = files.search_path(task, playbook_folder)
    path = files.find(folders, kind, name)
    if path is not None:
        return path
    looked = "\n".join(map(str, files.candidates(folders, kind, name)))
    raise ProvisionError(f"could not find {name!r} on this machine", f"looked for\n{looked}", f"see {task.where}")
