"""Operations: every change answers at once, goes on in a thread, and survives the death of its process."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from provision.errors import ProvisionError
from provision.local.answers import ApiError, link, not_found, operation_error
from provision.local.locks import is_alive, this_process
from provision.local.machines import Report, timestamp
from provision.local.store import Body, OperationRow, Store, Transaction

WAIT_S = 120.0
POLL_S = 0.05
KEPT = 500


@dataclass(frozen=True)
class Action:
    """What an operation does to (scope, name). `undo` takes back a half-made thing after a failure; without it, an
    operation whose process died is carried out again, which every action here allows."""

    perform: Callable[[str, str, Report], None]
    undo: Callable[[str, str], None] | None = None


@dataclass(frozen=True)
class Order:
    """An operation to begin: `action` is KIND.VERB and names the Action, `scope` a zone or `global`."""

    action: str
    scope: str
    name: str
    request_id: str = ""

    @property
    def target(self) -> str:
        kind = self.action.partition(".")[0]
        return f"{kind}/{self.name}"


class Operations:
    """Begins operations, runs them, and looks after those that others left behind."""

    def __init__(self, store: Store, actions: Mapping[str, Action]) -> None:
        self._store = store
        self._actions = actions
        self._threads: set[threading.Thread] = set()
        self._stopping = threading.Event()

    def begin(self, order: Order, accept: Callable[[Transaction], str]) -> Body:
        """`accept` checks the request and writes what it wants, and gives the id of the resource; then the work begins.

        A request id that was seen before begins nothing and answers with the operation it began then.
        """
        with self._store.write() as transaction:
            before = transaction.operation_of_request(order.request_id) if order.request_id else None
            if before is not None:
                return before.body
            row = _row(order, accept(transaction))
            transaction.put_operation(row)
            transaction.forget_operations(KEPT)
        self._spawn(row)
        return row.body

    def get(self, scope: str, name: str) -> Body:
        self.adopt()
        return self._row(scope, name).body

    def is_settled(self, scope: str, name: str) -> bool:
        """Whether waiting for it has an end: it is done, or this cloud is closing."""
        return self._stopping.is_set() or self._row(scope, name).done

    def list(self, scope: str) -> list[Body]:
        with self._store.read() as transaction:
            return [row.body for row in transaction.operations("scope = ?", scope)]

    def delete(self, scope: str, name: str) -> None:
        self._row(scope, name)
        with self._store.write() as transaction:
            transaction.drop_operation(name)

    def adopt(self) -> None:
        """Bring operations to an end whose process is gone: undo what can be undone, carry out the rest again."""
        with self._store.read() as transaction:
            open_ones = transaction.operations("done = 0")
        if all(is_alive(row.owner) for row in open_ones):
            return
        with self._store.write() as transaction:
            orphans = [row for row in transaction.operations("done = 0") if not is_alive(row.owner)]
            adopted = [replace(row, owner=this_process()) for row in orphans]
            for row in adopted:
                transaction.put_operation(row)
        for row in adopted:
            self._spawn(row, orphan=True)

    def close(self, patience_s: float) -> None:
        """Wait for what is running; what is not done by then is brought to an end by the next process."""
        self._stopping.set()
        until = time.monotonic() + patience_s
        for thread in tuple(self._threads):
            thread.join(max(0.0, until - time.monotonic()))

    def _row(self, scope: str, name: str) -> OperationRow:
        with self._store.read() as transaction:
            row = transaction.operation(scope, name)
        if row is None:
            raise not_found(f"projects/local/{_place(scope)}/operations/{name}")
        return row

    def _spawn(self, row: OperationRow, orphan: bool = False) -> None:
        thread = threading.Thread(target=self._carry_out, args=(row, orphan), name=row.name, daemon=True)
        self._threads.add(thread)
        thread.start()

    def _carry_out(self, row: OperationRow, orphan: bool) -> None:
        action = self._actions[row.action]
        try:
            if orphan and action.undo is not None:
                raise ProvisionError("the process that carried it out ended before it was done")
            action.perform(row.scope, row.target.partition("/")[2], self._reporter(row))
        except ProvisionError as failure:
            self._fail(row, action, failure)
        except Exception as error:  # noqa: BLE001 - the edge of a worker thread: its death must be seen in the operation
            self._fail(row, action, ProvisionError(f"{row.action} failed", f"{type(error).__name__}: {error}"))
        else:
            self._finish(row, {})
        finally:
            self._threads.discard(threading.current_thread())

    def _fail(self, row: OperationRow, action: Action, failure: ProvisionError) -> None:
        told = failure
        if action.undo is not None:
            try:
                action.undo(row.scope, row.target.partition("/")[2])
            except ProvisionError as second:
                told = ProvisionError(
                    failure.what, f"{failure.why}; and then: {second.what}: {second.why}", failure.hint
                )
        self._finish(row, operation_error(told))

    def _finish(self, row: OperationRow, outcome: Mapping[str, Any]) -> None:
        self._update(row, done=True, status="DONE", progress=100, endTime=timestamp(), **outcome)

    def _reporter(self, row: OperationRow) -> Report:
        return lambda percent, text: self._update(row, progress=percent, statusMessage=text)

    def _update(self, row: OperationRow, done: bool = False, **fields: Any) -> None:
        with self._store.write() as transaction:
            current = transaction.operation(row.scope, row.name)
            if current is not None:
                transaction.put_operation(replace(current, done=done, body={**current.body, **fields}))


def new_id() -> str:
    """An id as Google gives them: a number of nineteen digits."""
    return str(random.SystemRandom().randrange(10**18, 9 * 10**18))


def request_id(query: Mapping[str, str]) -> str:
    """The `requestId` of a request; it must be a UUID other than zero."""
    text = query.get("requestId", "")
    try:
        valid = not text or uuid.UUID(text).int != 0
    except ValueError:
        valid = False
    if not valid:
        raise ApiError(400, f"Invalid value for field 'requestId': '{text}'. Must be a valid, non-zero UUID.")
    return text


def _place(scope: str) -> str:
    return "global" if scope == "global" else f"zones/{scope}"


def _row(order: Order, target_id: str) -> OperationRow:
    name = f"operation-{int(time.time() * 1000)}-{uuid.uuid4().hex[:13]}-{uuid.uuid4().hex[:8]}-{uuid.uuid4().hex[:8]}"
    now = timestamp()
    zone = {} if order.scope == "global" else {"zone": link(f"zones/{order.scope}")}
    body = {
        "kind": "compute#operation", "id": new_id(), "name": name, "operationType": order.action.partition(".")[2],
        "targetLink": link(f"{_place(order.scope)}/{order.target}"), "targetId": target_id, "status": "RUNNING",
        "user": "operator@local", "progress": 0, "insertTime": now, "startTime": now,
        "selfLink": link(f"{_place(order.scope)}/operations/{name}"), **zone,
    }  # fmt: skip
    return OperationRow(name, order.scope, order.action, order.target, order.request_id, this_process(), False, body)
