"""The tool's own inventory: what it writes, Ansible reads; what others wrote, stays."""

from __future__ import annotations

import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from provision.errors import UsageProblem
from provision.inventory import load
from provision.inventory.book import MachineEntry, forget, remember


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return tmp_path / "state" / "inventory.yml"


def test_a_machine_is_remembered_with_its_variables_and_groups(book: Path) -> None:
    remember(
        book, MachineEntry("tts-1", {"ansible_host": "10.0.0.1", "ansible_port": 22, "labels": {"a": "b"}}, ("tts",))
    )
    inventory = load([str(book)])
    assert inventory.hosts["tts-1"].vars["ansible_host"] == "10.0.0.1"
    assert inventory.hosts["tts-1"].vars["labels"] == {"a": "b"}
    assert inventory.groups["tts"].hosts == ("tts-1",)


def test_ansible_reads_the_same(book: Path, ansible: Any) -> None:
    remember(book, MachineEntry("a", {"x": "yes", "n": None, "mode": "0644"}, ("tts", "gpu")))
    remember(book, MachineEntry("b", {}, ("tts",)))
    oracle = ansible(str(book))
    assert oracle.groups() == {"all": ["a", "b"], "ungrouped": [], "tts": ["a", "b"], "gpu": ["a"]}
    assert dict(load([str(book)]).hosts["a"].vars) == oracle.vars("a")


def test_to_remember_again_replaces_the_variables(book: Path) -> None:
    remember(book, MachineEntry("a", {"x": 1, "old": 1}, ("tts",)))
    remember(book, MachineEntry("a", {"x": 2}, ("tts",)))
    variables = load([str(book)]).hosts["a"].vars
    assert variables["x"] == 2
    assert "old" not in variables


def test_a_repeat_writes_the_same_bytes(book: Path) -> None:
    entry = MachineEntry("a", {"x": 1}, ("tts",))
    remember(book, entry)
    first = book.read_bytes()
    remember(book, entry)
    assert book.read_bytes() == first


def test_a_forgotten_machine_leaves_nothing(book: Path) -> None:
    remember(book, MachineEntry("a", {"x": 1}, ("tts",)))
    remember(book, MachineEntry("b", {"x": 1}, ("tts",)))
    forget(book, "a")
    assert [host.name for host in load([str(book)]).select("all")] == ["b"]
    forget(book, "b")
    inventory = load([str(book)])
    assert not inventory.hosts
    assert "tts" not in inventory.groups


def test_entries_of_others_stay_as_they_were_written(book: Path) -> None:
    book.parent.mkdir()
    book.write_text(
        "all:\n  vars:\n    mode: 0644\n    secret: !vault |\n      $ANSIBLE_VAULT;1.1;AES256\n      6162\n"
        "  hosts:\n    mine: {ansible_host: h, weird: 0x1F}\n"
        "  children:\n    empty:\n    theirs:\n      vars: {a: 'b: c'}\n"
        "web:\n  hosts:\n    mine:\n"
    )
    remember(book, MachineEntry("tts-1", {"x": 1}, ("tts",)))
    forget(book, "tts-1")
    text = book.read_text()
    for kept in ("mode: 0644", "!vault", "$ANSIBLE_VAULT;1.1;AES256", "0x1F", "'b: c'", "empty:", "web:"):
        assert kept in text
    assert "tts" not in text.split("\n", 1)[1]


def test_a_new_book_is_for_the_owner_only_and_an_old_one_keeps_its_mode(book: Path) -> None:
    remember(book, MachineEntry("a"))
    assert stat.S_IMODE(book.stat().st_mode) == 0o600
    book.chmod(0o640)
    remember(book, MachineEntry("b"))
    assert stat.S_IMODE(book.stat().st_mode) == 0o640


def test_a_broken_book_is_told_and_left_alone(book: Path) -> None:
    book.parent.mkdir()
    book.write_text("all: [\n")
    with pytest.raises(UsageProblem, match=r"inventory\.yml:"):
        remember(book, MachineEntry("a"))
    book.write_text("- a list\n")
    with pytest.raises(UsageProblem, match="is not an inventory"):
        remember(book, MachineEntry("a"))
    assert book.read_text() == "- a list\n"


def test_to_forget_without_a_book_is_nothing(book: Path) -> None:
    forget(book, "a")
    assert not book.exists()


def test_writers_at_the_same_time_do_not_lose_each_other(book: Path) -> None:
    names = [f"m{number}" for number in range(12)]
    threads = [threading.Thread(target=remember, args=(book, MachineEntry(name, {"n": name}))) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(load([str(book)]).hosts) == sorted(names)
    assert [
        path.name for path in book.parent.iterdir() if "inventory.yml." in path.name and "lock" not in path.name
    ] == []


def test_a_text_that_looks_like_something_else_stays_text(book: Path) -> None:
    values = {"a": "yes", "b": "1.0", "c": "null", "d": "{{ x }}", "e": "multi\nline", "f": "ü", "g": "- x"}
    remember(book, MachineEntry("h", values))
    read = load([str(book)]).hosts["h"].vars
    assert {key: read[key] for key in values} == values
