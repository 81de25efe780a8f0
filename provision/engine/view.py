"""What a task sees on one host: its variables, rendered keywords and the agent that runs it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from provision.engine.options import RunOptions
from provision.engine.search import find
from provision.engine.state import HostState
from provision.errors import ProvisionError, UsageProblem
from provision.inventory.hosts import Inventory
from provision.playbook.files import search_path
from provision.playbook.loops import loop_variables
from provision.playbook.scope import Variables
from provision.playbook.templating import Templar
from provision.playbook.values import Play, Task
from provision.playbook.variables import effective
from provision.ssh.channel import AgentChannel
from provision.ssh.door import Completed, Door
from provision.ssh.target import BECOME_VARIABLES, CONNECTION_VARIABLES, target_from


@dataclass(frozen=True)
class View:
    """One task (or one item of its loop) as one host sees it; renders on demand."""

    task: Task
    templar: Templar
    title: str
    check: bool
    diff: bool
    hidden: bool
    item: Any = None
    label: str = ""
    own: Mapping[str, Any] = field(default_factory=dict)

    def first_false(self) -> Any:
        """The outermost condition that does not hold, or None."""
        for condition in self.task.when:
            if not self.templar.condition(condition):
                return condition
        return None

    def condition(self, expression: Any, extra: Mapping[str, Any] | None = None) -> bool:
        """Whether an expression holds, with `extra` variables in sight."""
        return (knowing(self.templar, extra) if extra else self.templar).condition(expression)

    def arguments(self, but: frozenset[str] = frozenset()) -> Mapping[str, Any]:
        """The task's arguments, rendered, without those named; `omit` is gone."""
        return self.templar.arguments({name: value for name, value in self.task.args.items() if name not in but})

    def environment(self) -> Mapping[str, str]:
        """All `environment` levels merged, the innermost wins."""
        merged: dict[str, str] = {}
        for level in self.task.environment:
            rendered = self.templar.render(level)
            for one in rendered if isinstance(rendered, list) else [rendered]:
                merged.update({str(name): str(value) for name, value in (one or {}).items()})
        return merged

    def notify(self) -> list[str]:
        """Names of the handlers to run later."""
        rendered = [self.templar.render(name) for name in self.task.notify]
        return [str(name) for one in rendered for name in (one if isinstance(one, list) else [one])]

    def number(self, raw: Any) -> int:
        """A keyword that counts (retries, async, poll)."""
        return int(self.real(raw))

    def real(self, raw: Any) -> float:
        """A keyword in seconds, which may have a fraction."""
        return float(self.templar.render(raw) or 0)

    def truth(self, raw: Any, default: bool = False) -> bool:
        """A keyword that is yes or no, or a template for it."""
        if raw is None:
            return default
        return raw if isinstance(raw, bool) else self.templar.condition(raw)

    def ignores_errors(self) -> bool:
        """`ignore_errors`, rendered."""
        return self.truth(self.task.ignore_errors)


def knowing(templar: Templar, values: Mapping[str, Any]) -> Templar:
    """The same templates with more variables in sight: an item, a result that is being judged."""
    variables = templar.variables
    assert isinstance(variables, Variables)
    return Templar(variables.knowing(values), templar.search, templar.where)


@dataclass(frozen=True)
class OpenWay:
    """The way to one host, as waiting actions use it."""

    state: HostState
    name: str
    open: Callable[[], Door]
    become_user: str

    def run(self, command: str) -> Completed:
        """Run a shell command as the become user."""
        prefix = f"sudo -n -H -u {shlex.quote(self.become_user)} -- " if self.become_user else ""
        return self.open().run(f"{prefix}/bin/sh -c {shlex.quote(command)}")

    def hang_up(self) -> None:
        """Close the connection; the next command opens a new one."""
        door = self.state.doors.pop(self.name, None)
        if door is not None:
            door.close()

    def pause(self, seconds: float) -> None:
        """Wait, unless the run is interrupted."""
        self.state.pause(seconds)


class Scope:
    """One play on one host."""

    def __init__(
        self, play: Play, state: HostState, inventory: Inventory, options: RunOptions, magic: Mapping[str, Any]
    ) -> None:
        self.play = play
        self.state = state
        self.options = options
        self.playbook_folder = play.folder
        self._inventory = inventory
        self._magic = magic
        self._handlers = {id(handler) for handler in play.handlers}

    @property
    def name(self) -> str:
        """The host's inventory name."""
        return self.state.host.name

    def is_handler(self, task: Task) -> bool:
        """Whether the task stands under `handlers`."""
        return id(task) in self._handlers

    def add_handlers(self, handlers: Iterable[Task]) -> None:
        """Handlers that an included role brought."""
        self._handlers.update(map(id, handlers))

    def variables(self, task: Task) -> Variables:
        """Everything by Ansible's precedence, templates unrendered."""
        return effective(
            self.play,
            task,
            host_vars=self.state.host.vars,
            facts=self.state.facts,
            live=self.state.live,
            extra=self.options.extra_vars,
            magic=self._magic,
            included=self.state.included,
        )

    def view(self, task: Task, extra: Mapping[str, Any] | None = None, item: Any = None, label: str = "") -> View:
        """The task as this host sees it now."""
        templar = self._templar(task)
        if extra:
            templar = knowing(templar, extra)
        view = View(task, templar, task.title, self.options.check, self.options.diff, False, item, label, extra or {})
        return replace(
            view,
            title=self._title(task, templar),
            check=view.truth(task.check_mode, self.options.check),
            diff=view.truth(task.diff, self.options.diff),
            hidden=view.truth(task.no_log),
        )

    def afresh(self, view: View) -> View:
        """The same view with the variables of now: an element before it may have set facts."""
        return self.view(view.task, view.own, view.item, view.label)

    def item_views(self, task: Task) -> list[View]:
        """One view for each element of the task's loop."""
        assert task.loop is not None
        loop = task.loop
        templar = self._templar(task)
        items = templar.render(loop.items)
        if not isinstance(items, list):
            raise UsageProblem(
                f"loop needs a list, and got {type(items).__name__}", f"{items!r:.200}", f"see {task.where}"
            )
        elements = list(_flat(items)) if loop.flatten else items
        return [self._item_view(task, elements, index) for index in range(len(elements))]

    def reads(self, task: Task) -> frozenset[str]:
        """Every variable that rendering the task may read, through the variables it names; `*` stands for any."""
        templar = self._templar(task)
        keywords = [task.name, task.args, *task.environment, task.no_log, task.check_mode, task.diff, task.become,
                    task.become_user, *task.notify, task.async_s, task.poll_s]  # fmt: skip
        named = frozenset().union(*map(templar.names, keywords), *map(templar.condition_names, task.when))
        return templar.follow(named | self._read_by_file(task, templar))

    def _read_by_file(self, task: Task, templar: Templar) -> frozenset[str]:
        """What the file of a `template` task reads; anything, where its name is a template or it is not there."""
        if task.action != "template":
            return frozenset()
        try:
            return templar.file_names(find(task, "templates", str(task.args.get("src")), self.playbook_folder))
        except (ProvisionError, OSError):
            return frozenset({"*"})

    def agent(self, view: View) -> AgentChannel:
        """The agent that runs the task: on this host or the one it is delegated to, as the become user."""
        return self._door(self._place(view), view).agent(self._become_user(view))

    def way(self, view: View, connect_timeout_s: float = 0.0) -> OpenWay:
        """The connection itself, for actions that hang up and come back."""
        return OpenWay(
            self.state,
            self._place(view),
            lambda: self._door(self._place(view), view, connect_timeout_s),
            self._become_user(view),
        )

    def _place(self, view: View) -> str:
        delegate = view.task.delegate_to
        return self.name if delegate is None else str(view.templar.render(delegate))

    def take(self, task: Task, view: View, result: dict[str, Any]) -> None:
        """Register the result and take over the facts in it."""
        self.take_facts(task, result)
        if task.register:
            lines = {
                f"{name}_lines": result[name].splitlines()
                for name in ("stdout", "stderr")
                if isinstance(result.get(name), str)
            }
            self.state.live[task.register] = {**lines, **result}

    def take_facts(self, task: Task, result: Mapping[str, Any]) -> None:
        """Facts that a module found, or that set_fact says."""
        facts = result.get("ansible_facts")
        if isinstance(facts, Mapping) and not result.get("failed"):
            if task.action == "setup":
                self.state.facts.update({key.removeprefix("ansible_"): value for key, value in facts.items()})
            else:
                self.state.live.update(facts)

    def _templar(self, task: Task) -> Templar:
        search = search_path(task, self.playbook_folder)
        return Templar(self.variables(task), search, str(task.where))

    def _item_view(self, task: Task, elements: list[Any], index: int) -> View:
        assert task.loop is not None
        loop = task.loop
        extended = loop.extended is True or (bool(loop.extended) and self._templar(task).condition(loop.extended))
        view = self.view(task, loop_variables(loop, elements, index, extended), elements[index])
        label = view.templar.render(loop.label) if loop.label is not None else elements[index]
        return replace(view, label=str(label))

    def _title(self, task: Task, templar: Templar) -> str:
        try:
            name = str(templar.render(task.name)) if task.name else task.action
        except ProvisionError:
            name = task.name
        return f"{task.role.name} : {name}" if task.role else name

    def _door(self, name: str, view: View, connect_timeout_s: float = 0.0) -> Door:
        self.state.go_on()
        if name not in self.state.doors:
            templar = view.templar if name == self.name else self._of_another(name, view.templar)
            connection = self._said(templar, CONNECTION_VARIABLES)
            target = target_from(name, connection)
            patient = replace(target, connect_timeout_s=connect_timeout_s or target.connect_timeout_s)
            self.state.doors[name] = self.options.connect(patient)
        return self.state.doors[name]

    def _of_another(self, name: str, templar: Templar) -> Templar:
        """What the inventory says of the host that a task is delegated to."""
        host = self._inventory.host(name)
        return Templar(Variables(((host.vars if host else {}, False),)), templar.search, templar.where)

    def _become_user(self, view: View) -> str:
        """The user to become, or nobody: the variables' word, else the task's, else the command line's."""
        task, said = view.task, self._said(view.templar, BECOME_VARIABLES)
        wanted = next(
            (one for one in (said.get("ansible_become"), task.become) if one is not None), self.options.become
        )
        if not view.truth(wanted):
            return ""
        method = said.get("ansible_become_method", "sudo")
        if method not in ("sudo", "ansible.builtin.sudo"):
            raise UsageProblem(f"{self.name} asks for become method {method}", "provision knows sudo only")
        if said.get("ansible_become_password") or said.get("ansible_become_pass"):
            raise UsageProblem(
                f"{self.name} has a sudo password", "provision uses sudo without one", "allow it in /etc/sudoers.d"
            )
        user = said.get("ansible_become_user") or task.become_user or self.options.become_user or "root"
        return str(view.templar.render(user))

    @staticmethod
    def _said(templar: Templar, names: Iterable[str]) -> dict[str, Any]:
        """Those of these variables that are set, rendered. They win over keywords, as in Ansible."""
        return {name: templar.variable(name) for name in names if name in templar.variables}


def _flat(items: Iterable[Any]) -> Iterable[Any]:
    """`with_items` opens lists in the list, one level deep."""
    for item in items:
        if isinstance(item, list):
            yield from item
        else:
            yield item
