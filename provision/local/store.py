"""The state of the local cloud in SQLite: resources, operations, machines and scripted faults."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS resources (
    kind TEXT NOT NULL, scope TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, scope, name));
CREATE TABLE IF NOT EXISTS addresses (address TEXT PRIMARY KEY, instance_id TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS operations (
    name TEXT PRIMARY KEY, scope TEXT NOT NULL, action TEXT NOT NULL, target TEXT NOT NULL, request_id TEXT NOT NULL,
    owner TEXT NOT NULL, done INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS operations_request ON operations (request_id);
CREATE TABLE IF NOT EXISTS settings (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS faults (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, place TEXT NOT NULL, remaining INTEGER NOT NULL, body TEXT NOT NULL);
"""

BUSY_TIMEOUT_S = 30.0

Body = dict[str, Any]


@dataclass(frozen=True)
class OperationRow:
    """An operation, with what only we know about it: what it does, to what, and which process does it."""

    name: str
    scope: str
    action: str
    target: str
    request_id: str
    owner: str
    done: bool
    body: Body


@dataclass(frozen=True)
class Fault:
    """Bad luck on order: its kind, where it strikes, how many times more, and particulars."""

    kind: str
    place: str
    remaining: int
    body: Body


class Transaction:
    """What may be done between BEGIN and COMMIT."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection

    # Resources

    def get(self, kind: str, scope: str, name: str) -> Body | None:
        row = self._sql.execute(
            "SELECT body FROM resources WHERE kind = ? AND scope = ? AND name = ?", (kind, scope, name)
        ).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, kind: str, scope: str, name: str, body: Mapping[str, Any]) -> None:
        self._sql.execute("INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?)", (kind, scope, name, json.dumps(body)))

    def change(self, kind: str, scope: str, name: str, **fields: Any) -> None:
        """Set top-level fields of a resource, when it is still there."""
        body = self.get(kind, scope, name)
        if body is not None:
            self.put(kind, scope, name, {**body, **fields})

    def drop(self, kind: str, scope: str, name: str) -> None:
        self._sql.execute("DELETE FROM resources WHERE kind = ? AND scope = ? AND name = ?", (kind, scope, name))

    def all(self, kind: str) -> list[tuple[str, Body]]:
        """Every resource of a kind with its scope."""
        rows = self._sql.execute("SELECT scope, body FROM resources WHERE kind = ? ORDER BY scope, name", (kind,))
        return [(scope, json.loads(body)) for scope, body in rows]

    # Addresses

    def addresses(self) -> frozenset[str]:
        return frozenset(address for (address,) in self._sql.execute("SELECT address FROM addresses"))

    def take_address(self, address: str, instance_id: str) -> None:
        self._sql.execute("INSERT INTO addresses VALUES (?, ?)", (address, instance_id))

    def release_address(self, instance_id: str) -> None:
        self._sql.execute("DELETE FROM addresses WHERE instance_id = ?", (instance_id,))

    # Operations

    def put_operation(self, row: OperationRow) -> None:
        self._sql.execute(
            "INSERT INTO operations VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
            " owner = excluded.owner, done = excluded.done, body = excluded.body",
            (row.name, row.scope, row.action, row.target, row.request_id, row.owner, row.done, json.dumps(row.body)),
        )

    def operation(self, scope: str, name: str) -> OperationRow | None:
        return self._operation("name = ? AND scope = ?", name, scope)

    def operation_of_request(self, request_id: str) -> OperationRow | None:
        return self._operation("request_id = ?", request_id)

    def operations(self, where: str = "1", *values: str) -> list[OperationRow]:
        rows = self._sql.execute(f"SELECT * FROM operations WHERE {where} ORDER BY rowid", values)
        return [_operation_row(*row) for row in rows]

    def drop_operation(self, name: str) -> None:
        self._sql.execute("DELETE FROM operations WHERE name = ?", (name,))

    def forget_operations(self, keep: int) -> None:
        """Drop all but the newest that are done."""
        self._sql.execute(
            "DELETE FROM operations WHERE done = 1 AND name NOT IN"
            " (SELECT name FROM operations ORDER BY rowid DESC LIMIT ?)",
            (keep,),
        )

    def _operation(self, where: str, *values: str) -> OperationRow | None:
        return next(iter(self.operations(where, *values)), None)

    # Settings and faults

    def setting(self, key: str) -> str | None:
        row = self._sql.execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else None

    def set(self, key: str, value: str) -> None:
        self._sql.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (key, value))

    def add_fault(self, fault: Fault) -> None:
        self._sql.execute(
            "INSERT INTO faults (kind, place, remaining, body) VALUES (?, ?, ?, ?)",
            (fault.kind, fault.place, fault.remaining, json.dumps(fault.body)),
        )

    def strike(self, kind: str, places: tuple[str, ...]) -> Fault | None:
        """The fault of that kind that is due at one of the places, used up by one; the empty place is everywhere."""
        wanted = ("", *places)
        row = self._sql.execute(
            f"SELECT id, kind, place, remaining, body FROM faults WHERE kind = ? AND remaining > 0"
            f" AND place IN ({', '.join('?' * len(wanted))}) ORDER BY id LIMIT 1",
            (kind, *wanted),
        ).fetchone()
        if row is None:
            return None
        self._sql.execute("UPDATE faults SET remaining = remaining - 1 WHERE id = ?", (row[0],))
        return Fault(row[1], row[2], row[3], json.loads(row[4]))

    def clear(self) -> None:
        """Forget everything."""
        for table in ("resources", "addresses", "operations", "settings", "faults"):
            self._sql.execute(f"DELETE FROM {table}")


def _operation_row(
    name: str, scope: str, action: str, target: str, request_id: str, owner: str, done: int, body: str
) -> OperationRow:
    return OperationRow(name, scope, action, target, request_id, owner, bool(done), json.loads(body))


class Store:
    """The database file. Any number of threads and processes may use it at the same time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Held open so that the write-ahead log outlives the short connections.
        self._keeper = self._open()
        self._keeper.execute("PRAGMA journal_mode = WAL")
        self._keeper.executescript(_SCHEMA)

    def close(self) -> None:
        self._keeper.close()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A consistent look."""
        with self._begun("BEGIN") as transaction:
            yield transaction

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """All of it or nothing; one writer at a time over all processes."""
        with self._begun("BEGIN IMMEDIATE") as transaction:
            yield transaction

    @contextmanager
    def _begun(self, begin: str) -> Iterator[Transaction]:
        connection = self._open()
        try:
            connection.execute(begin)
            try:
                yield Transaction(connection)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        finally:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection
