"""The faces of the room: read a playbook, the file of an include_tasks, the role of an include_role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from provision.inventory.documents import Document, Location, unsafe
from provision.playbook.nodes import NodeReader, Place, parts_of
from provision.playbook.plays import PlaybookReader
from provision.playbook.problems import Notebook
from provision.playbook.roles import Parts
from provision.playbook.values import Context, Node, Play, Role, Task

_NOTHING: Mapping[str, Any] = {}


def read_playbook(path: Path, extra_vars: Mapping[str, Any] = _NOTHING) -> tuple[Play, ...]:
    """The plays of a playbook, with everything that it imports. Raises PlaybookErrors with all that is wrong.

    `extra_vars` count in the names of imports.
    """
    notes = Notebook()
    plays = PlaybookReader(notes, extra_vars).plays(Path(path), Location(str(path), 1))
    notes.finish()
    return plays


def read_tasks(path: Path, around: Task) -> tuple[Node, ...]:
    """The tasks of an included file. `around` is the include; values that a run added to its `vars` are final."""
    notes = Notebook()
    reader = NodeReader(notes)
    context = _inside(around)
    place = Place(Document(around.where.file, None), around.folder, context, context.handlers)
    nodes = reader.file(path, around.where, place)
    notes.finish()
    return nodes


def read_role_tasks(name: str, tasks_from: str, around: Task) -> tuple[tuple[Node, ...], tuple[Task, ...]]:
    """The tasks and the handlers of the role that an include_role names."""
    read = read_role(name, around, replace(parts_of(around.args), tasks="" if tasks_from == "main" else tasks_from))
    return read[0], read[1]


def read_role(
    name: str, around: Task, parts: Parts | None = None
) -> tuple[tuple[Node, ...], tuple[Task, ...], tuple[Role, ...]]:
    """The tasks and handlers of an included role, and the roles whose variables the play may see (`public`)."""
    notes = Notebook()
    reader = NodeReader(notes)
    context = _inside(around)
    place = Place(Document(around.where.file, None), around.folder, context)
    public = around.args.get("public") in (True, "true", "yes")
    nodes = reader.role(
        name, around.where, place, context, parts or parts_of(around.args), context.params, public=public
    )
    notes.finish()
    return nodes, tuple(reader.handlers), tuple(role for role in reader.roles["imported"] if role.public)


def _inside(around: Task) -> Context:
    """What the tasks of an include inherit, with what the run knows about its loop."""
    context = around.context or Context(role=around.role, play_folder=around.folder)
    known = {**context.vars, **context.params}
    added = {name: unsafe(value) for name, value in around.vars.items() if known.get(name, known) is not value}
    return replace(context, params={**context.params, **added})
