"""Where a file that a task names is looked for on the controller, in Ansible's order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from provision.errors import ProvisionError
from provision.playbook.values import Task


def places(task: Task, kind: str, playbook_folder: Path) -> Iterator[Path]:
    """Folders for a relative path: role, task file, playbook; each with `files/` (or `templates/`) first."""
    roots = ([task.role.path] if task.role else []) + [task.folder, playbook_folder]
    seen: set[Path] = set()
    for root in roots:
        for folder in (root / kind, root):
            if folder not in seen:
                seen.add(folder)
                yield folder


def find(task: Task, kind: str, name: str, playbook_folder: Path) -> Path:
    """The file or folder; a ProvisionError lists where it was looked for."""
    wanted = Path(name).expanduser()
    candidates = (
        [wanted] if wanted.is_absolute() else [folder / wanted for folder in places(task, kind, playbook_folder)]
    )
    for candidate in candidates:
        if candidate.exists():
            return candidate
    looked = "\n".join(str(candidate) for candidate in candidates)
    raise ProvisionError(f"could not find {name!r} on this machine", f"looked for\n{looked}", f"see {task.where}")
