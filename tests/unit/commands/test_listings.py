"""`play --list-tasks` and its kin print what ansible-playbook prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from provision.commands.listings import Book, Wanted, as_data, listing
from provision.inventory import Inventory, load
from provision.playbook.values import Block, Location, Node, Play, Role, Task

HERE = Location("site.yml", 1)


def task(name: str, *tags: str, action: str = "command", role: Role | None = None) -> Task:
    return Task(HERE, name, action, {}, Path(), tags=frozenset(tags), role=role)


def play(name: str, hosts: object, *nodes: Node) -> Play:
    return Play(HERE, name, hosts, nodes)


@pytest.fixture
def hosts() -> Inventory:
    return load(["a,b,c,"])


BOOK = Book(
    Path("site.yml"),
    (
        play(
            "Set up",
            "all",
            task("Install", "packages"),
            Block(HERE, "together", (task("", "x", action="shell"), task("Deep")), rescue=(task("Rescue"),)),
            task("Write", "config", "b", role=Role("web", Path("roles/web"))),
            task("Only when asked", "never", "danger"),
        ),
        play("", ["a", "b"], task("Ping")),
    ),
)


def lines(hosts: Inventory, wanted: Wanted, books: Sequence[Book] = (BOOK,)) -> list[str]:
    return list(listing(books, hosts, wanted))


def test_tasks_are_listed_with_their_tags(hosts: Inventory) -> None:
    assert lines(hosts, Wanted(tasks=True)) == [
        "",
        "playbook: site.yml",
        "",
        "  play #1 (all): Set up\tTAGS: []",
        "    tasks:",
        "      Install\tTAGS: [packages]",
        "      shell\tTAGS: [x]",
        "      Deep\tTAGS: []",
        "      web : Write\tTAGS: [b, config]",
        "",
        "  play #2 (a,b): a,b\tTAGS: []",
        "    tasks:",
        "      Ping\tTAGS: []",
    ]


def test_only_the_tasks_of_the_tags_are_listed(hosts: Inventory) -> None:
    chosen = lines(hosts, Wanted(tasks=True, only=frozenset({"config", "danger"})))
    assert [line.strip() for line in chosen if line.startswith("      ")] == [
        "web : Write\tTAGS: [b, config]",
        "Only when asked\tTAGS: [danger, never]",
    ]
    left = lines(hosts, Wanted(tasks=True, skip=frozenset({"packages", "untagged"})))
    assert not any("Install" in line for line in left)


def test_tags_are_listed_with_those_of_never(hosts: Inventory) -> None:
    assert "      TASK TAGS: [b, config, danger, never, packages, x]" in lines(hosts, Wanted(tags=True))
    assert "      TASK TAGS: [packages]" in lines(hosts, Wanted(tags=True, only=frozenset({"packages"})))


def test_hosts_are_listed_within_the_limit(hosts: Inventory) -> None:
    assert lines(hosts, Wanted(hosts=True, limit="b,c"))[2:8] == [
        "",
        "  play #1 (all): Set up\tTAGS: []",
        "    pattern: ['all']",
        "    hosts (2):",
        "      b",
        "      c",
    ]
    assert lines(hosts, Wanted(hosts=True, limit="b"))[-2:] == ["    hosts (1):", "      b"]


def test_a_syntax_check_names_the_playbooks(hosts: Inventory) -> None:
    assert lines(hosts, Wanted(), [BOOK, Book(Path("b.yml"), ())]) == ["", "playbook: site.yml", "", "playbook: b.yml"]


def test_machines_get_the_same_as_values(hosts: Inventory) -> None:
    first, second = as_data([BOOK], hosts, Wanted(limit="a"))
    assert (first["playbook"], first["play"], first["pattern"], first["hosts"]) == ("site.yml", "Set up", "all", ["a"])
    assert first["tasks"][3] == {"name": "web : Write", "tags": ["b", "config"], "where": "site.yml:1"}
    assert (second["pattern"], second["hosts"]) == ("a,b", ["a"])
