"""Tasks of one host in flight: rendered and sent ahead, awaited only where a later task depends on an answer.

A task may leave before its predecessors have answered when nothing it reads (templates, conditions, loop) can be set
by them. The agent runs what it is sent in order and drops the rest of a group when a call fails, so sending ahead
never runs a task that Ansible would not have run.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from provision.engine.actions import registry
from provision.engine.actions.decision import AtTheDoor, Here, Setting, There
from provision.engine.agents import Conversation, Dropped, Sent
from provision.engine.once import Once
from provision.engine.outcome import judged, of_items, shown
from provision.engine.state import Emit, TaskFailed
from provision.engine.view import Scope, View
from provision.errors import ProvisionError, Unreachable
from provision.model import Output, Step
from provision.playbook.values import Location, Task

MOST_IN_FLIGHT = 64
"""Calls sent ahead to one host; bounds what an agent may have to drop."""


@dataclass
class Flying:
    """A task whose result is not told yet: sent, or decided here but behind others."""

    task: Task
    view: View
    sent: Sent | None
    result: dict[str, Any] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)


class Pipeline:
    """Runs the tasks of one host, in order. `notified` and `rescuers` are the walker's business."""

    def __init__(self, scope: Scope, emit: Emit, once: Once) -> None:
        self.scope = scope
        self._once = once
        self._reached: Counter[Location] = Counter()
        self.rescuers = 0
        self.notified: list[str] = []
        self._emit = emit
        self._talk = Conversation()
        self._flying: deque[Flying] = deque()

    def submit(self, task: Task) -> None:
        """Run a task, or send it ahead. TaskFailed when it, or one before it, failed and nothing says to go on."""
        if self._flying and self._must_wait(task):
            self.drain()
        if task.run_once and self._taken_over(task):
            return
        if task.loop is not None:
            self._loop(task)
            return
        view = self.scope.view(task)
        flying = self._launch(task, view)
        self._flying.append(flying)
        if len(self._flying) == 1 and flying.sent:
            self._emit(Step(self.scope.name, view.title, self._kind(task)))
        decided_here = flying.sent is None and not flying.result.get("skipped")
        if decided_here or _must_be_seen_at_once(task) or len(self._flying) >= MOST_IN_FLIGHT:
            self.drain()

    def _taken_over(self, task: Task) -> bool:
        """`run_once`: take another host's result; False when it is ours to make."""
        self._reached[task.where] += 1
        result = self._once.result_of((task.where, self._reached[task.where]), self.scope.name)
        if result is None:
            return False
        self.scope.take(task, self.scope.view(task), result)
        if result.get("failed") and not self.scope.view(task).ignores_errors():
            raise TaskFailed(task, result)
        return True

    def fail(self, task: Task, error: ProvisionError) -> None:
        """A task that failed before it could begin (an include that cannot be read)."""
        self.drain()
        self._tell(task, self.scope.view(task), _failure(error), 0.0)

    def drain(self) -> None:
        """Await everything in flight."""
        while self._flying:
            flying = self._flying.popleft()
            try:
                self._conclude(flying)
            except TaskFailed:
                self._discard()
                raise
            if self._flying and self._flying[0].sent:
                head = self._flying[0]
                head.begun = time.monotonic()
                self._emit(Step(self.scope.name, head.view.title, self._kind(head.task)))

    def _must_wait(self, task: Task) -> bool:
        """Whether something in flight may set what this task reads, or must be over before it starts."""
        if task.loop is not None or task.run_once or registry.acts_here(task) or task.delegate_to is not None:
            return True
        last = self._flying[-1].task
        if (task.become, task.become_user) != (last.become, last.become_user):
            return True
        pending = {flying.task.register for flying in self._flying} - {""}
        return bool(pending) and bool((pending | {"*"}) & self.scope.reads(task))

    def _launch(self, task: Task, view: View) -> Flying:
        """Decide `when`, render, and send; a task that is skipped or decided here has its result at once."""
        try:
            failed_condition = view.first_false()
            if failed_condition is not None:
                skipped = {"changed": False, "skipped": True, "skip_reason": "Conditional result was False",
                           "false_condition": failed_condition}  # fmt: skip
                return Flying(task, view, None, skipped)
            decision = registry.decide(self._setting(task, view))
        except Unreachable:
            raise
        except ProvisionError as error:
            return Flying(task, view, None, _failure(error))
        if isinstance(decision, Here):
            return Flying(task, view, None, decision.result)
        if isinstance(decision, AtTheDoor):
            return Flying(task, view, None, decision.act(self.scope.way(view, decision.connect_timeout_s)))
        return Flying(task, view, self._send(task, view, decision))

    def _setting(self, task: Task, view: View) -> Setting:
        args = view.arguments(but=registry.EVALUATES.get(task.action, frozenset()))
        return Setting(task, view.templar, self.scope.name, self.scope.playbook_folder, view.check, 0, args)

    def _send(self, task: Task, view: View, there: There) -> Sent:
        channel = self.scope.agent(view)
        return self._talk.send(
            channel,
            there,
            check=view.check,
            diff=view.diff,
            environment=view.environment(),
            async_s=view.number(task.async_s),
            no_log=view.hidden,
        )

    def _answer(self, flying: Flying) -> dict[str, Any]:
        if flying.sent is None:
            return flying.result
        title, hidden = flying.view.title, flying.view.hidden

        def line(stream: Any, text: str) -> None:
            if not hidden:
                self._emit(Output(self.scope.name, title, text, stream))

        result, _ = self._talk.receive(flying.sent, line)
        if result.get("failed"):
            # The agent drops what follows in this group, whatever failed_when will make of it.
            self._talk.new_group()
        if result.get("ansible_job_id") and not result.get("finished") and flying.task.action != "async_status":
            result = self._poll(flying, result, line)
        return result

    def _poll(self, flying: Flying, started: dict[str, Any], line: Any) -> dict[str, Any]:
        """`async` with `poll`: ask until the job is over. `poll: 0` leaves it running."""
        poll_s = flying.view.real(flying.task.poll_s)
        if poll_s <= 0:
            return {**started, "changed": True}
        assert flying.sent is not None
        deadline = time.monotonic() + flying.view.number(flying.task.async_s)
        while time.monotonic() < deadline:
            self.scope.state.pause(poll_s)
            there = There("async_status", {"jid": started["ansible_job_id"]})
            status, _ = self._talk.receive(self._talk.send(flying.sent.channel, there), line)
            if status.get("finished"):
                cleanup = There("async_status", {"jid": started["ansible_job_id"], "mode": "cleanup"})
                self._talk.receive(self._talk.send(flying.sent.channel, cleanup), line)
                return status
        return {**started, "failed": True, "msg": "async task did not complete within the requested time"}

    def _settled(self, flying: Flying) -> dict[str, Any]:
        """The judged result of one run of a task (or of one loop item), after `until` and its retries."""
        task, view = flying.task, flying.view
        most = _most_attempts(task, view)
        if most == 1 or flying.result.get("skipped"):
            return judged(task, self._answer(flying), view)
        result = judged(task, {**self._answer(flying), "attempts": 1}, view)
        attempts = 1
        while not result.get("skipped") and not self._good(task, view, result):
            if attempts == most:
                return {
                    "msg": f"not as wanted after {attempts} attempts",
                    **result,
                    "failed": True,
                    "attempts": most - 1,
                }
            self.scope.state.pause(view.real(task.delay))
            attempts += 1
            self._talk.new_group()
            result = judged(task, {**self._answer(self._launch(task, view)), "attempts": attempts}, view)
        return result

    def _good(self, task: Task, view: View, result: dict[str, Any]) -> bool:
        """What `until` says; without it, whether the task has not failed."""
        if task.until is None:
            return not result.get("failed")
        seen = {task.register: result} if task.register else {}
        return all(view.condition(condition, seen) for condition in task.until)

    def _conclude(self, flying: Flying) -> None:
        try:
            result = self._settled(flying)
        except Dropped:
            return
        except Unreachable:
            raise
        except ProvisionError as error:
            result = {"failed": True, "changed": False, "msg": "\n".join(filter(None, (error.what, error.why)))}
        self._tell(flying.task, flying.view, result, time.monotonic() - flying.begun)

    def _tell(self, task: Task, view: View, result: dict[str, Any], seconds: float) -> None:
        """Register, notify, and let the world know; then fail if it failed."""
        self.scope.take(task, view, result)
        if task.run_once:
            self._once.deliver((task.where, self._reached[task.where]), result)
        if result.get("changed") and not result.get("failed"):
            self.notified.extend(view.notify())
        failed = bool(result.get("failed"))
        ignored = failed and view.ignores_errors()
        rescued = failed and not ignored and self.rescuers > 0
        self._emit(
            shown(self.scope.name, view.title, task, result, seconds=seconds, hidden=view.hidden,
                  kind=self._kind(task), ignored=ignored, rescued=rescued)
        )  # fmt: skip
        if failed and not ignored:
            self._talk.new_group()
            raise TaskFailed(task, result)

    def _loop(self, task: Task) -> None:
        """All items are sent before the first answer is read; each stands alone, as in Ansible."""
        begun = time.monotonic()
        outer = self.scope.view(task)
        self._emit(Step(self.scope.name, outer.title, self._kind(task)))
        try:
            views = self.scope.item_views(task)
        except ProvisionError as error:
            failure = {"failed": True, "changed": False, "msg": "\n".join(filter(None, (error.what, error.why)))}
            self._tell(task, outer, failure, time.monotonic() - begun)
            return
        results = self._items(task, views)
        result = of_items(results) if results else {"changed": False, "skipped": True, "results": [],
                                                    "skipped_reason": "No items in the list"}  # fmt: skip
        self._tell(task, outer, result, time.monotonic() - begun)

    def _items(self, task: Task, views: list[View]) -> list[dict[str, Any]]:
        ahead = 1 if _one_at_a_time(task) else MOST_IN_FLIGHT
        results: list[dict[str, Any]] = []
        for start in range(0, len(views), ahead):
            flights = []
            for view in views[start : start + ahead]:
                self._talk.new_group()
                flights.append(self._launch(task, self.scope.afresh(view) if ahead == 1 else view))
            for flying in flights:
                result = self._item(flying)
                results.append({**result, task.loop.variable if task.loop else "item": flying.view.item,
                                "ansible_loop_var": task.loop.variable if task.loop else "item"})  # fmt: skip
        self._talk.new_group()
        return results

    def _item(self, flying: Flying) -> dict[str, Any]:
        begun = time.monotonic()
        try:
            result = self._settled(flying)
        except Unreachable:
            raise
        except ProvisionError as error:
            result = {"failed": True, "changed": False, "msg": "\n".join(filter(None, (error.what, error.why)))}
        self.scope.take_facts(flying.task, result)
        self._emit(
            shown(self.scope.name, flying.view.title, flying.task, result, seconds=time.monotonic() - begun,
                  hidden=flying.view.hidden, kind="item", item=flying.view.label)
        )  # fmt: skip
        return result

    def _discard(self) -> None:
        """What was sent after a failure was dropped by the agent; hear it say so."""
        while self._flying:
            flying = self._flying.popleft()
            if flying.sent is not None:
                try:
                    self._talk.receive(flying.sent, lambda stream, text: None)
                except Dropped:
                    continue

    def _kind(self, task: Task) -> Any:
        return "handler" if self.scope.is_handler(task) else "task"


def _failure(error: ProvisionError) -> dict[str, Any]:
    why = "\n".join(part for part in (error.what, error.why) if part)
    return {"failed": True, "changed": False, "msg": why, "hint": error.hint}


def _repeats(task: Task) -> bool:
    return task.until is not None or task.retries is not None


def _most_attempts(task: Task, view: View) -> int:
    """Ansible's count: the first run, and as many retries as are asked for; three where only `until` is said."""
    if task.retries is None:
        return 4 if task.until is not None else 1
    return 1 + max(0, view.number(task.retries))


def _must_be_seen_at_once(task: Task) -> bool:
    """Whether the controller decides from the answer if the next task may run at all."""
    return bool(
        task.failed_when is not None
        or _repeats(task)
        or task.ignore_errors
        or task.delegate_to is not None
        or task.run_once
        or (task.async_s and task.poll_s)
        or task.action in registry.ANSWER_FIRST
    )


def _one_at_a_time(task: Task) -> bool:
    return bool(
        _repeats(task)
        or task.async_s
        or task.action == "set_fact"
        or task.action in registry.ANSWER_FIRST
        or (task.loop and task.loop.pause)
    )
