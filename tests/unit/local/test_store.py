"""The state file: all or nothing, whoever else is at it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from provision.local.store import Fault, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "deep" / "cloud.sqlite3")


def test_what_is_put_can_be_got_by_another_opener(store: Store, tmp_path: Path) -> None:
    with store.write() as transaction:
        transaction.put("instances", "z", "a", {"name": "a"})
    with Store(tmp_path / "deep" / "cloud.sqlite3").read() as transaction:
        assert transaction.get("instances", "z", "a") == {"name": "a"}
        assert transaction.get("instances", "other", "a") is None


def test_a_failure_inside_undoes_everything(store: Store) -> None:
    with pytest.raises(RuntimeError), store.write() as transaction:
        transaction.put("instances", "z", "a", {})
        transaction.take_address("10.0.0.2", "1")
        raise RuntimeError
    with store.read() as transaction:
        assert transaction.all("instances") == []
        assert transaction.addresses() == frozenset()


def test_an_interrupt_inside_undoes_everything(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt), store.write() as transaction:
        transaction.put("instances", "z", "a", {})
        raise KeyboardInterrupt
    with store.read() as transaction:
        assert transaction.all("instances") == []


def test_changing_what_is_gone_changes_nothing(store: Store) -> None:
    with store.write() as transaction:
        transaction.change("instances", "z", "a", status="RUNNING")
        assert transaction.get("instances", "z", "a") is None


def test_writers_wait_for_each_other(store: Store) -> None:
    def count() -> None:
        for _ in range(20):
            with store.write() as transaction:
                transaction.set("n", str(int(transaction.setting("n") or 0) + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as transaction:
        assert transaction.setting("n") == "80"


def test_an_address_belongs_to_one(store: Store) -> None:
    import sqlite3

    with store.write() as transaction:
        transaction.take_address("10.0.0.2", "1")
    with pytest.raises(sqlite3.IntegrityError), store.write() as transaction:
        transaction.take_address("10.0.0.2", "2")


def test_a_fault_strikes_as_often_as_ordered_at_its_place_or_anywhere(store: Store) -> None:
    with store.write() as transaction:
        transaction.add_fault(Fault("stockout", "a", 2, {"x": 1}))
        transaction.add_fault(Fault("stockout", "", 1, {}))
        assert transaction.strike("other", ("a",)) is None
        struck = [transaction.strike("stockout", ("a",)) for _ in range(4)]
        assert [fault.body if fault else None for fault in struck] == [{"x": 1}, {"x": 1}, {}, None]


def test_the_state_folder_is_private(store: Store, tmp_path: Path) -> None:
    assert (tmp_path / "deep").stat().st_mode & 0o077 == 0


def test_clearing_forgets_everything(store: Store) -> None:
    with store.write() as transaction:
        transaction.put("instances", "z", "a", {})
        transaction.set("subnet", "x")
        transaction.add_fault(Fault("stockout", "", 1, {}))
        transaction.clear()
        assert transaction.all("instances") == []
        assert transaction.setting("subnet") is None
        assert transaction.strike("stockout", ()) is None
