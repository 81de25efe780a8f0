"""Playbooks with what each host said on the way; the wanted words were written down from ansible-core's own runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from provision.model import Event, Result

from .conftest import Lab


@dataclass(frozen=True)
class Scenario:
    """One playbook and the files beside it. `said`: for each host its words in order (see `words`)."""

    name: str
    text: str
    said: Mapping[str, Sequence[str]]
    files: Mapping[str, str] = field(default_factory=dict)
    hosts: str = "web1,"
    dead: frozenset[str] = frozenset()
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def all_files(self) -> Mapping[str, str]:
        """Everything on the disk; a text that is a list of tasks becomes one play without facts."""
        return {**self.files, "site.yml": self.text if self._is_playbook() else self._play()}

    def play(self, lab: Lab) -> list[Event]:
        """Runs it on machines in memory."""
        for name, text in self.all_files().items():
            lab.write(name, text)
        lab.dead |= self.dead
        return lab.play(self.all_files()["site.yml"], hosts=self.hosts, **self.options)

    def _is_playbook(self) -> bool:
        return "hosts:" in self.text.strip().splitlines()[0]

    def _play(self) -> str:
        body = "\n".join(f"    {line}" for line in self.text.strip("\n").splitlines())
        return f"- hosts: all\n  gather_facts: false\n  tasks:\n{body}\n"


def words(events: Sequence[Event]) -> dict[str, list[str]]:
    """For each host what its tasks and handlers said: `debug`'s message or the command; elements joined by `|`."""
    said: dict[str, list[str]] = {}
    for event in events:
        if isinstance(event, Result) and event.kind in ("task", "handler") and _speaks(event):
            said.setdefault(event.host, []).append(_word(event))
    return said


def _speaks(result: Result) -> bool:
    if result.title.rpartition(" : ")[2] == "set_fact":
        return result.problem is not None
    return bool({"msg", "stdout", "results", "skipped", "assertion"} & set(result.data)) or result.problem is not None


def _word(result: Result) -> str:
    if result.status == "skipped":
        return "skipped"
    if result.status == "unreachable":
        return "unreachable"
    if result.title.rpartition(" : ")[2].startswith("include"):
        return f"{result.status} {result.title}"
    elements = result.data.get("results") or [result.data]
    said = "|".join("skipped" if one.get("skipped") else str(one.get("stdout", one.get("msg"))) for one in elements)
    return f"failed {said}" if result.status == "failed" else said
