"""Which tasks of a play run at all: tags and --start-at-task."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from provision.playbook.values import Block, Node, Task


def wanted_by_tags(tags: frozenset[str], only: frozenset[str], skip: frozenset[str]) -> bool:
    """Ansible's rule: `always` runs unless skipped, `never` only when asked; `tagged`, `untagged`, `all` are words."""
    own = tags or frozenset({"untagged"})
    return _asked_for(own, only or frozenset({"all"})) and not _refused(own, skip)


def tasks_of(nodes: Iterable[Node]) -> Iterator[Task]:
    """Every task, those of blocks and their rescue and always sections too."""
    for node in nodes:
        if isinstance(node, Task):
            yield node
        else:
            yield from tasks_of((*node.block, *node.rescue, *node.always))


def _asked_for(own: frozenset[str], only: frozenset[str]) -> bool:
    if "always" in own or own & only:
        return True
    if "all" in only and "never" not in own:
        return True
    return "tagged" in only and "untagged" not in own and "never" not in own


def _refused(own: frozenset[str], skip: frozenset[str]) -> bool:
    if own & skip:
        return True
    if "all" in skip:
        return "always" not in own
    return "tagged" in skip and "untagged" not in own


def starting_at(nodes: tuple[Node, ...], name: str) -> tuple[Node, ...] | None:
    """The nodes from the task of that name (or pattern) on; None when no task is called so."""
    for index, node in enumerate(nodes):
        if isinstance(node, Task) and _named(node, name):
            return nodes[index:]
        if isinstance(node, Block) and (inner := starting_at(node.block, name)) is not None:
            return (Block(node.where, node.name, inner, node.rescue, node.always), *nodes[index + 1 :])
    return None


def _named(task: Task, name: str) -> bool:
    return name in (task.name, task.title) or fnmatchcase(task.name, name) or fnmatchcase(task.title, name)
