"""Counts the results of a job by Ansible's rules, and draws the exit code from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from provision.model import Event, Result, Summary


@dataclass(frozen=True)
class Counts:
    """What became of the steps on one host. A failure that is ignored counts as `ok` and as `ignored`."""

    ok: int = 0
    changed: int = 0
    unreachable: int = 0
    failed: int = 0
    skipped: int = 0
    rescued: int = 0
    ignored: int = 0
    missed: int = 0

    def with_result(self, result: Result) -> Counts:
        """The counts after one more result."""
        match result.status:
            case "failed" | "unreachable" if result.ignored:
                changed = self.changed + bool(result.data.get("changed"))
                return replace(self, ok=self.ok + 1, ignored=self.ignored + 1, changed=changed)
            case "failed" if result.rescued:
                return replace(self, rescued=self.rescued + 1)
            case "failed":
                return replace(self, failed=self.failed + 1)
            case "unreachable":
                return replace(self, unreachable=self.unreachable + 1)
            case "skipped":
                return replace(self, skipped=self.skipped + 1)
            case "missed":
                return replace(self, missed=self.missed + 1)
            case "changed":
                return replace(self, ok=self.ok + 1, changed=self.changed + 1)
            case "ok":
                return replace(self, ok=self.ok + 1)


@dataclass
class Tally:
    """Takes in the events of one job; mutable, and owned by the one who feeds the view."""

    hosts: dict[str, Counts] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        """Count a result (elements of a loop do not count by themselves) or keep a summary."""
        match event:
            case Result(kind="item"):
                pass
            case Result(host=host):
                self.hosts[host] = self.hosts.get(host, Counts()).with_result(event)
            case Summary(data=data):
                self.data.update(data)
            case _:
                pass

    @property
    def changed(self) -> int:
        """How many steps changed something, or would."""
        return sum(counts.changed for counts in self.hosts.values())

    @property
    def exit_code(self) -> int:
        """1 failed, 4 unreachable, 5 below target, 0 as wanted."""
        return exit_code(self.hosts)


def exit_code(hosts: Mapping[str, Counts]) -> int:
    """The exit code that the counts of all hosts give."""
    if any(counts.failed for counts in hosts.values()):
        return 1
    if any(counts.unreachable for counts in hosts.values()):
        return 4
    return 5 if any(counts.missed for counts in hosts.values()) else 0
