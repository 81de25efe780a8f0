"""The tool's own inventory when things go wrong: a full disk, a lock that is held, a file that somebody broke."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

import pytest

from provision.errors import UsageProblem
from provision.inventory import load
from provision.inventory.book import MachineEntry, forget, remember


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "state" / "inventory.yml"
    remember(path, MachineEntry("old", {"x": 1}, ("tts",)))
    return path


def beside(book: Path) -> list[str]:
    return sorted(path.name for path in book.parent.iterdir())


def test_a_disk_that_fills_up_leaves_the_old_book_and_no_rest(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, names = book.read_bytes(), beside(book)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageProblem, match="cannot write") as caught:
        remember(book, MachineEntry("new"))
    assert caught.value.why == "No space left on device"
    assert (book.read_bytes(), beside(book)) == (before, names)


def test_the_book_is_synced_before_it_takes_its_place(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bool, bool]] = []

    def look(descriptor: int) -> None:
        written = Path(f"/proc/self/fd/{descriptor}").read_text()
        seen.append(("new" in written, "new" in book.read_text()))

    monkeypatch.setattr(os, "fsync", look)
    remember(book, MachineEntry("new"))
    assert seen == [(True, False)]
    assert "new" in book.read_text()


def test_a_writer_waits_for_the_lock(book: Path) -> None:
    with (book.parent / ".inventory.yml.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        writer = threading.Thread(target=remember, args=(book, MachineEntry("new")))
        writer.start()
        writer.join(0.1)
        assert writer.is_alive() and "new" not in book.read_text()
    writer.join(5)
    assert "new" in load([str(book)]).hosts


def test_the_lock_is_let_go_when_the_book_is_broken(book: Path) -> None:
    book.write_text("all: [\n")
    with pytest.raises(UsageProblem):
        remember(book, MachineEntry("new"))
    book.write_text("")
    remember(book, MachineEntry("new"))
    assert list(load([str(book)]).hosts) == ["new"]


@pytest.mark.parametrize(
    "text", ["all:\n", "all:\n  hosts:\n", "all: {hosts: , children: }\n", "# only words\n", "---\n", "all: {}\n"]
)
def test_an_empty_book_in_any_spelling_takes_a_machine(book: Path, text: str) -> None:
    book.write_text(text)
    remember(book, MachineEntry("new", {"x": 1}, ("tts",)))
    inventory = load([str(book)])
    assert list(inventory.hosts) == ["new"] and inventory.hosts["new"].vars["x"] == 1
    assert inventory.groups["tts"].hosts == ("new",)


def test_a_single_host_written_as_text_is_kept(book: Path) -> None:
    book.write_text("all:\n  hosts: mine\n")
    remember(book, MachineEntry("new"))
    assert list(load([str(book)]).hosts) == ["mine", "new"]


def test_a_machine_is_forgotten_in_every_group_however_deep(book: Path) -> None:
    book.write_text(
        "all:\n  hosts: {a: , b: }\n  children:\n    top:\n      vars: {v: 1}\n      children:\n"
        "        low: {hosts: {a: , b: }}\n        only: {hosts: {a: }}\nweb: {hosts: {a: }}\n"
    )
    forget(book, "a")
    inventory = load([str(book)])
    assert list(inventory.hosts) == ["b"]
    assert inventory.groups["top"].vars == {"v": 1}
    assert "only" not in inventory.groups


def test_to_forget_a_stranger_changes_no_entry(book: Path) -> None:
    forget(book, "stranger")
    assert list(load([str(book)]).hosts) == ["old"]
    assert load([str(book)]).groups["tts"].hosts == ("old",)


def test_a_machine_moves_to_more_groups_and_keeps_the_old_ones(book: Path) -> None:
    remember(book, MachineEntry("old", {"x": 2}, ("gpu",)))
    assert load([str(book)]).hosts["old"].groups == ("gpu", "tts")
    assert load([str(book)]).hosts["old"].vars["x"] == 2


def test_a_book_in_unicode_stays_readable_for_people(book: Path) -> None:
    remember(book, MachineEntry("new", {"owner": "Jürgen", "note": "日本"}))
    assert "Jürgen" in book.read_text(encoding="utf-8") and "日本" in book.read_text(encoding="utf-8")
