"""The handlers of one play on one host: which of them a word calls, and which are due."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from provision.playbook.values import Task


class Handlers:
    """Handlers in the order in which they are written, in groups: one for each file, or passage of an include."""

    def __init__(self, handlers: Iterable[Task]) -> None:
        self._groups: list[list[Task]] = []
        self._due: set[int] = set()
        for handler in handlers:
            if not self._groups or not _follows(self._groups[-1][-1], handler):
                self._groups.append([])
            self._groups[-1].append(handler)

    def add(self, handlers: Iterable[Task]) -> None:
        """What an included role brings; it wins over handlers of the same name that were there before."""
        if group := list(handlers):
            self._groups.append(group)

    def notify(self, word: str, title: Callable[[Task], str]) -> bool:
        """Whether this is a handler's name, its title or a topic; whoever it calls is due from now on."""
        called = [*self._named(word, title), *self._listening(word)]
        self._due.update(map(id, called))
        return bool(called)

    def due(self) -> Iterator[Task]:
        """Those that are due when their turn comes; each is handed out once."""
        for handler in [handler for group in self._groups for handler in group]:
            if id(handler) in self._due:
                self._due.discard(id(handler))
                yield handler

    def _named(self, word: str, title: Callable[[Task], str]) -> list[Task]:
        """Of handlers with one name, the last group's first: Ansible's choice."""
        found = (one for one in self._latest_first() if word in (one.name, one.title, title(one)))
        return [handler for handler in found if handler.name][:1]

    def _listening(self, topic: str) -> list[Task]:
        """All that listen, but of those with one name only Ansible's choice."""
        chosen: dict[object, Task] = {}
        for handler in self._latest_first():
            if topic in handler.listen:
                chosen.setdefault(handler.name or id(handler), handler)
        return list(chosen.values())

    def _latest_first(self) -> Iterator[Task]:
        return (handler for group in reversed(self._groups) for handler in group)


def _follows(one: Task, other: Task) -> bool:
    """Whether the second stands behind the first in the same file (a role that is used twice begins again)."""
    return one.where.file == other.where.file and one.where.line < other.where.line
