"""What a playbook says, as frozen values with file:line. Templates inside are not rendered yet.

Inheritance is done when reading: a task carries the conditions, variables, tags, become settings and environment of the
blocks, imports, roles and the play around it, so that the engine never looks upwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Union

from provision.inventory.documents import Location as Location

Raw = Any
"""A value as YAML gave it: scalars, lists, dicts; strings may hold templates."""


@dataclass(frozen=True)
class Role:
    """The role that a task belongs to: its folder, and its three levels of variables.

    `above` are the folders of the roles that depend on it: their files are found too. `exports` are the variables that
    the whole play sees of it, unless it is not `public` (include_role).
    """

    name: str
    path: Path
    defaults: Mapping[str, Raw] = field(default_factory=dict)
    vars: Mapping[str, Raw] = field(default_factory=dict)
    params: Mapping[str, Raw] = field(default_factory=dict)
    above: tuple[Path, ...] = ()
    exports: Mapping[str, Raw] = field(default_factory=dict)
    public: bool = True


@dataclass(frozen=True)
class Loop:
    """`loop` or `with_items`. `items` is a list or a template that gives one."""

    items: Raw
    variable: str = "item"
    index_variable: str = ""
    label: Raw = None
    pause: Raw = 0
    flatten: bool = False
    extended: Raw = False
    extended_allitems: Raw = True


@dataclass(frozen=True)
class Context:
    """What a task inherits from the play, blocks, imports and roles around it.

    `settings` are the keywords of which the innermost counts (`become`, `no_log`, `delegate_to` ...), by field of Task.
    `handlers`: what an include brings in there are handlers.
    """

    when: tuple[Raw, ...] = ()
    vars: Mapping[str, Raw] = field(default_factory=dict)
    params: Mapping[str, Raw] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    environment: tuple[Raw, ...] = ()
    settings: Mapping[str, Raw] = field(default_factory=dict)
    role: Role | None = None
    play_folder: Path = Path()
    handlers: bool = False


@dataclass(frozen=True)
class Task:
    """One task or handler, with everything it inherits.

    `action` is the short canonical module name (`copy`, `systemd`); `args` its arguments, free form in `_raw_params`.
    `when` holds the conditions from outermost to innermost, all must hold. `None` means not said.
    `folder` is where the file that wrote it lies: relative `src` paths are looked for there (and in the role).
    `params` are variables of the include that brought the task. Of an include, `context` is what its tasks inherit.
    `lacking`: a module that Ansible has and provision has not; fails only where it would really run.
    """

    where: Location
    name: str
    action: str
    args: Mapping[str, Raw]
    folder: Path
    when: tuple[Raw, ...] = ()
    vars: Mapping[str, Raw] = field(default_factory=dict)
    loop: Loop | None = None
    register: str = ""
    notify: tuple[Raw, ...] = ()
    listen: tuple[str, ...] = ()
    tags: frozenset[str] = frozenset()
    changed_when: tuple[Raw, ...] | None = None
    failed_when: tuple[Raw, ...] | None = None
    ignore_errors: Raw = False
    until: tuple[Raw, ...] | None = None
    retries: Raw = None
    delay: Raw = 5
    async_s: Raw = 0
    poll_s: Raw = 15
    become: Raw = None
    become_user: Raw = None
    environment: tuple[Raw, ...] = ()
    no_log: Raw = False
    check_mode: Raw = None
    diff: Raw = None
    delegate_to: Raw = None
    run_once: Raw = False
    role: Role | None = None
    params: Mapping[str, Raw] = field(default_factory=dict)
    context: Context | None = None
    lacking: bool = False

    @property
    def title(self) -> str:
        """What views call it before its name is rendered: role and name, or the module."""
        name = self.name or self.action
        return f"{self.role.name} : {name}" if self.role else name


@dataclass(frozen=True)
class Block:
    """Tasks that succeed or fail together."""

    where: Location
    name: str
    block: tuple[Node, ...]
    rescue: tuple[Node, ...] = ()
    always: tuple[Node, ...] = ()


Node = Union[Task, Block]  # noqa: UP007


@dataclass(frozen=True)
class Play:
    """One play: which hosts, which variables, which tasks. Roles stand in `tasks` already, in Ansible's order.

    `connection` holds the play's keywords `connection`, `remote_user` and `port` as the weakest of variables
    (`ansible_connection` ...). `warnings`: what the operator should know before it runs.
    """

    where: Location
    name: str
    hosts: Raw
    tasks: tuple[Node, ...]
    handlers: tuple[Task, ...] = ()
    vars: Mapping[str, Raw] = field(default_factory=dict)
    vars_files: tuple[Raw, ...] = ()
    gather_facts: Raw = True
    become: Raw = None
    become_user: Raw = None
    roles: tuple[Role, ...] = ()
    folder: Path = Path()
    force_handlers: bool = False
    connection: Mapping[str, Raw] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
