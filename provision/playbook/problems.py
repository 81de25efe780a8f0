"""Collects everything that is wrong in the files of one reading, so that it is told at once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from provision.errors import UsageProblem
from provision.inventory.documents import Document, Fault, InputErrors, Location, nearest, parse, read_text


class PlaybookErrors(InputErrors):
    """Everything that is wrong in a playbook and in the files that it brings in."""


class Notebook:
    """Faults and warnings of one reading, and the files that were read for it."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.warnings: list[str] = []
        self._documents: dict[Path, Document] = {}

    def fault(self, where: Location, text: str, word: str = "", known: Iterable[str] = ()) -> None:
        """Something is wrong here. `word` is the wrong one, `known` the right ones; the nearest is suggested."""
        self.faults.append(Fault(where, text, nearest(word, known) if word else ""))

    def warn(self, where: Location, text: str) -> None:
        """Something that the operator should know here, once."""
        told = f"{where}: {text}"
        if told not in self.warnings:
            self.warnings.append(told)

    def read(self, path: Path, from_where: Location) -> Document:
        """A file's document; its own faults are noted, and it is empty when it cannot be read."""
        if path not in self._documents:
            self._documents[path] = self._read(path, from_where)
        return self._documents[path]

    def _read(self, path: Path, from_where: Location) -> Document:
        try:
            document = parse(read_text(path), str(path))
        except UsageProblem as error:
            self.fault(from_where, f"{error.what}{': ' + error.why if error.why else ''}")
            return Document(str(path), None)
        self.faults.extend(document.faults)
        return document

    def finish(self) -> None:
        """Raises PlaybookErrors when anything was wrong."""
        if self.faults:
            raise PlaybookErrors(tuple(dict.fromkeys(self.faults)))


def kind_of(value: Any) -> str:
    """How a reader calls the kind of a value."""
    if value is None:
        return "nothing"
    names = {dict: "a mapping", list: "a list", str: "text", bool: "a truth value", int: "a number", float: "a number"}
    return names.get(type(value), type(value).__name__)
