"""Plays over hosts as one stream of events: a worker thread for each host, and not one result missing."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from provision.engine.once import Once
from provision.engine.options import RunOptions
from provision.engine.selection import starting_at, tasks_of
from provision.engine.state import Emit, HostState, Stopped, TaskFailed
from provision.engine.view import Scope
from provision.engine.walk import Walk
from provision.errors import ProvisionError, Unreachable, UsageProblem
from provision.inventory.hosts import Host, Inventory
from provision.model import Event, Job, Note, Problem, Result, Section
from provision.playbook.scope import Variables
from provision.playbook.templating import Templar
from provision.playbook.values import Node, Play, Task
from provision.playbook.variables import magic_variables


@dataclass(frozen=True)
class _Delivered:
    """A host's worker is over. `last` tells what ended it early, unless a task's own Result has."""

    host: str
    last: Result | None


def run(plays: Sequence[Play], inventory: Inventory, options: RunOptions) -> Job:
    """Run the plays one after the other, each on all of its hosts at once. Closing the iterator hangs up everywhere."""
    yield from _lacking(plays)
    states: dict[str, HostState] = {}
    started = not options.start_at_task
    try:
        for play in plays:
            nodes: tuple[Node, ...] | None = play.tasks
            if not started:
                nodes = starting_at(play.tasks, options.start_at_task)
                started = nodes is not None
            if nodes is not None:
                yield from _play(play, nodes, inventory, options, states)
    finally:
        for state in states.values():
            state.close()
    if not started:
        raise UsageProblem(f"no task is called {options.start_at_task!r}", hint="--list-tasks shows the names")


def _lacking(plays: Sequence[Play]) -> Job:
    """One warning that names every module we do not have; such a task fails only where it would really run."""
    tasks = [task for play in plays for task in tasks_of((*play.tasks, *play.handlers)) if task.lacking]
    if tasks:
        named = ", ".join(f"{task.action} ({task.where})" for task in tasks)
        yield Note(f"modules of Ansible that provision does not have: {named}", level="warning")


def _play(
    play: Play, nodes: tuple[Node, ...], inventory: Inventory, options: RunOptions, states: dict[str, HostState]
) -> Job:
    inventory = inventory.beside(play.folder)
    hosts = inventory.select(_pattern(play, options), options.limit)
    if hosts and all(host.name in states and states[host.name].failed for host in hosts):
        return  # nobody is left, and that has been said
    yield Section(play.name, tuple(host.name for host in hosts))
    if not hosts:
        yield Note(f"no hosts matched for play {play.name!r}", level="warning")
    for host in hosts:
        states.setdefault(host.name, HostState(host))
    alive = [states[host.name] for host in hosts if not states[host.name].failed]
    yield from _on_all(play, nodes, alive, hosts, inventory, options, states)


def _on_all(
    play: Play,
    nodes: tuple[Node, ...],
    alive: list[HostState],
    hosts: Sequence[Host],
    inventory: Inventory,
    options: RunOptions,
    states: Mapping[str, HostState],
) -> Job:
    """Events of all hosts as they come. Ends when every worker has delivered; a worker that dies is a failed host."""
    events: SimpleQueue[Event | _Delivered] = SimpleQueue()
    waiting = {state.host.name for state in alive}
    once = Once([state.host.name for state in alive])
    with ThreadPoolExecutor(max_workers=max(1, options.forks), thread_name_prefix="host") as workers:
        for state in alive:
            magic = magic_variables(play, state.host, inventory, [host.name for host in hosts], options, states)
            scope = Scope(play, state, inventory, options, magic)
            workers.submit(_deliver, scope, nodes, events.put, once)
        try:
            while waiting:
                event = events.get()
                if not isinstance(event, _Delivered):
                    yield event
                    continue
                waiting.discard(event.host)
                if event.last is not None:
                    yield event.last
        except BaseException:
            # Interrupted, or the reader went away: hang up, so that workers waiting for an answer end.
            workers.shutdown(wait=False, cancel_futures=True)
            for state in alive:
                state.stop()
            raise


def _deliver(scope: Scope, nodes: tuple[Node, ...], put: Any, once: Once) -> None:
    """The edge of the worker thread: it delivers whatever happens, and a bug is a failed host, not a silent one."""
    last: Result | None = _ended(scope, "failed", Problem(f"the worker of {scope.name} broke"))
    try:
        last = _outcome(scope, nodes, put, once)
    except Exception:  # noqa: BLE001
        last = _ended(scope, "failed", Problem(f"the worker of {scope.name} broke", traceback.format_exc()))
    finally:
        scope.state.failed |= last is not None
        once.leave(scope.name)
        put(_Delivered(scope.name, last))


def _outcome(scope: Scope, nodes: tuple[Node, ...], put: Emit, once: Once) -> Result | None:
    """What ended the host early and nobody has told yet; None when there is nothing to add."""
    try:
        _host(scope, nodes, put, once)
    except (TaskFailed, Stopped):
        scope.state.failed = True
    except Unreachable as error:
        scope.state.close()
        return _ended(scope, "unreachable", Problem(error.what, error.why, error.hint))
    except ProvisionError as error:
        return _ended(scope, "failed", Problem(error.what, error.why, error.hint))
    return None


def _host(scope: Scope, nodes: tuple[Node, ...], put: Emit, once: Once) -> None:
    walk = Walk(scope, put, once)
    gather = _gathering(scope)
    walk.run((gather, *nodes) if gather else nodes)


def _gathering(scope: Scope) -> Task | None:
    """The first task of a play that gathers facts; its `always` tag makes it run whatever tags are asked for."""
    play = scope.play
    task = Task(play.where, "Gathering Facts", "setup", {}, play.folder, tags=frozenset({"always"}),
                become=play.become, become_user=play.become_user)  # fmt: skip
    return task if scope.view(task).truth(play.gather_facts, default=True) else None


def _ended(scope: Scope, status: Any, problem: Problem) -> Result:
    return Result(scope.name, problem.what, status, problem=problem, kind="task")


def _pattern(play: Play, options: RunOptions) -> str | list[str]:
    """The play's hosts; a template there sees extra vars and the play's own."""
    variables = Variables(((options.extra_vars, False), (play.vars, False)))
    hosts = Templar(variables, (play.folder,), str(play.where)).render(play.hosts)
    return [str(host) for host in hosts] if isinstance(hosts, list) else str(hosts)
