"""One play on one host: its tasks in order, blocks with rescue and always, includes, handlers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from provision.engine.handlers import Handlers
from provision.engine.once import Once
from provision.engine.pipeline import Pipeline
from provision.engine.search import find
from provision.engine.selection import wanted_by_tags
from provision.engine.state import Emit, HostEnded, TaskFailed
from provision.engine.view import Scope, View
from provision.errors import ProvisionError, UsageProblem
from provision.playbook.included import include_vars
from provision.playbook.reader import read_role, read_tasks
from provision.playbook.values import Block, Node, Task

_INCLUDES = ("include_tasks", "include_role", "include_vars")


class Walk:
    """Walks one play on one host; decides order only, the pipeline runs."""

    def __init__(self, scope: Scope, emit: Emit, once: Once) -> None:
        self._scope = scope
        self._pipeline = Pipeline(scope, emit, once)
        self._handlers = Handlers(scope.play.handlers)

    def run(self, nodes: tuple[Node, ...]) -> None:
        """Everything, handlers last. TaskFailed when the host dropped out of the play."""
        try:
            self._walk(nodes)
            self._pipeline.drain()
            self._flush_handlers()
        except HostEnded:
            self._pipeline.drain()
        except TaskFailed:
            if self._scope.play.force_handlers:
                self._flush_handlers()
            raise

    def _walk(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            if isinstance(node, Block):
                self._block(node)
            elif wanted_by_tags(node.tags, self._scope.options.tags, self._scope.options.skip_tags):
                self._task(node)

    def _task(self, task: Task) -> None:
        if task.action == "meta":
            self._meta(task)
        elif task.action in _INCLUDES:
            self._pipeline.drain()
            self._include(task)
        else:
            self._pipeline.submit(task)

    def _block(self, block: Block) -> None:
        if not block.rescue and not block.always:
            self._walk(block.block)
            return
        self._pipeline.drain()
        failure: TaskFailed | None = None
        try:
            self._protected(block)
        except TaskFailed as error:
            failure = error
        if block.always:
            self._walk(block.always)
            self._pipeline.drain()
        if failure is not None:
            raise failure

    def _protected(self, block: Block) -> None:
        """The block, and its rescue section when a task of the block fails."""
        self._pipeline.rescuers += bool(block.rescue)
        try:
            self._walk(block.block)
            self._pipeline.drain()
        except TaskFailed as failure:
            if not block.rescue:
                raise
            self._pipeline.rescuers -= 1
            self._scope.state.live["ansible_failed_result"] = failure.result
            self._scope.state.live["ansible_failed_task"] = {"name": failure.task.name, "action": failure.task.action}
            self._walk(block.rescue)
            self._pipeline.drain()
        else:
            self._pipeline.rescuers -= bool(block.rescue)

    def _meta(self, task: Task) -> None:
        word = str(task.args.get("_raw_params", "")).strip()
        self._pipeline.drain()
        if self._scope.view(task).first_false() is not None:
            return
        if word == "flush_handlers":
            self._flush_handlers()
        elif word in ("end_host", "end_play"):
            raise HostEnded
        elif word == "clear_facts":
            self._scope.state.facts.clear()
        elif word != "noop":
            raise UsageProblem(f"meta: {word} is known to Ansible, not done by provision yet", hint=f"see {task.where}")

    def _flush_handlers(self) -> None:
        """Each notified handler once, in the order written; one that is notified too late waits for the next flush."""
        unheard = self._hear()
        for handler in self._handlers.due():
            self._task(handler)
            if handler.notify or handler.action in _INCLUDES:
                self._pipeline.drain()
                unheard += self._hear()
        self._pipeline.drain()
        unheard += self._hear()
        if unheard:
            raise UsageProblem(
                f"no handler is called {', '.join(sorted(unheard))}",
                "a task notifies it",
                f"see {self._scope.play.where}",
            )

    def _hear(self) -> list[str]:
        """Passes on what was notified since; the words that call nobody."""
        words = list(dict.fromkeys(self._pipeline.notified))
        self._pipeline.notified.clear()
        return [word for word in words if not self._handlers.notify(word, self._title)]

    def _title(self, handler: Task) -> str:
        return self._scope.view(handler).title

    def _include(self, task: Task) -> None:
        try:
            views = self._scope.item_views(task) if task.loop else [self._scope.view(task)]
        except ProvisionError as error:
            self._not_included(task, error)
            return
        for index, view in enumerate(views):
            extra = {task.loop.variable: view.item} if task.loop else {}
            if task.loop and task.loop.index_variable:
                extra[task.loop.index_variable] = index
            try:
                nodes = self._included(task, view, extra) if view.first_false() is None else ()
            except ProvisionError as error:
                self._not_included(task, error)
                continue
            self._walk(nodes)

    def _not_included(self, task: Task, error: ProvisionError) -> None:
        """What cannot be included is a task that failed; only include_vars may ignore that, as in Ansible."""
        telling = task if task.action == "include_vars" else replace(task, ignore_errors=None)
        self._pipeline.fail(replace(telling, loop=None), error)

    def _included(self, task: Task, view: View, extra: Mapping[str, Any]) -> tuple[Node, ...]:
        """What the include brings, to be walked; the variables of include_vars are there at once."""
        arguments = view.arguments()
        around = replace(task, loop=None, args=arguments, vars={**task.vars, **extra})
        if task.action == "include_vars":
            self._include_vars(task, arguments)
            return ()
        if task.action == "include_role":
            nodes, handlers, public = read_role(str(arguments["name"]), around)
            self._scope.play = replace(self._scope.play, roles=(*self._scope.play.roles, *public))
            self._handlers.add(handlers)
            self._scope.add_handlers(handlers)
            return nodes
        name = str(arguments.get("file") or arguments["_raw_params"])
        return read_tasks(find(task, "tasks", name, self._scope.playbook_folder), around)

    def _include_vars(self, task: Task, arguments: Mapping[str, Any]) -> None:
        brought = include_vars(task, arguments, self._scope.playbook_folder)
        self._scope.state.included.update(brought.values)
