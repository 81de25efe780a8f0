"""What `play --list-tasks`, `--list-tags`, `--list-hosts` and `--syntax-check` print, worded as Ansible does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provision.engine.selection import wanted_by_tags
from provision.inventory import Inventory
from provision.playbook.values import Node, Play, Task


@dataclass(frozen=True)
class Wanted:
    """What to list, of which tasks and hosts."""

    tasks: bool = False
    tags: bool = False
    hosts: bool = False
    only: frozenset[str] = frozenset()
    skip: frozenset[str] = frozenset()
    limit: str = ""


@dataclass(frozen=True)
class Book:
    """A playbook file and the plays in it."""

    path: Path
    plays: tuple[Play, ...]


def listing(books: Sequence[Book], inventory: Inventory, wanted: Wanted) -> Iterator[str]:
    """The lines of the listing."""
    for book in books:
        yield ""
        yield f"playbook: {book.path}"
        for number, play in enumerate(book.plays, start=1):
            yield from _play(number, play, inventory, wanted)


def as_data(books: Sequence[Book], inventory: Inventory, wanted: Wanted) -> list[dict[str, Any]]:
    """The same for machines: one entry a play."""
    return [
        {
            "playbook": str(book.path),
            "play": play.name,
            "pattern": _pattern(play),
            "hosts": [host.name for host in inventory.select(_pattern(play), wanted.limit)],
            "tasks": [
                {"name": task.title, "tags": sorted(task.tags), "where": str(task.where)}
                for task in _tasks(play, wanted)
            ],
        }
        for book in books
        for play in book.plays
    ]


def _play(number: int, play: Play, inventory: Inventory, wanted: Wanted) -> Iterator[str]:
    if not (wanted.tasks or wanted.tags or wanted.hosts):
        return
    yield ""
    yield f"  play #{number} ({_pattern(play)}): {play.name or _pattern(play)}\tTAGS: []"
    if wanted.hosts:
        hosts = inventory.select(_pattern(play), wanted.limit)
        yield f"    pattern: {play.hosts if isinstance(play.hosts, list) else [play.hosts]}"
        yield f"    hosts ({len(hosts)}):"
        yield from (f"      {host.name}" for host in hosts)
    if wanted.tasks:
        yield "    tasks:"
        yield from (f"      {task.title}\tTAGS: [{', '.join(sorted(task.tags))}]" for task in _tasks(play, wanted))
    if wanted.tags:
        tags = sorted({tag for task in _tasks(play, wanted) for tag in task.tags})
        yield f"      TASK TAGS: [{', '.join(tags)}]"


def _tasks(play: Play, wanted: Wanted) -> Iterator[Task]:
    """The tasks that these tags choose; a listing of tags shows those of `never` as well."""
    every = wanted.tags and not (wanted.only or wanted.skip)
    for task in _flat(play.tasks):
        if every or wanted_by_tags(task.tags, wanted.only, wanted.skip):
            yield task


def _flat(nodes: Sequence[Node]) -> Iterator[Task]:
    """The tasks of blocks too; rescue and always are not listed, as in Ansible."""
    for node in nodes:
        if isinstance(node, Task):
            yield node
        else:
            yield from _flat(node.block)


def _pattern(play: Play) -> str:
    return ",".join(map(str, play.hosts)) if isinstance(play.hosts, list) else str(play.hosts)
