"""Which variables a task sees on a host, by Ansible's precedence; and the magic variables.

From strong to weak: magic, extra vars, include parameters, role parameters, set_fact and registered results,
include_vars, task and block vars, role vars, vars of the play's roles, vars_files, play vars, facts, inventory, role
defaults, the play's connection keywords.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from provision.errors import UsageProblem
from provision.inventory.hosts import Host, Inventory
from provision.playbook.documents import load_mapping
from provision.playbook.files import find, search_path
from provision.playbook.scope import RenderedVariables, Variables
from provision.playbook.templating import OMIT, Templar, UndefinedVariable
from provision.playbook.values import Play, Raw, Task

_NOTHING: Mapping[str, Any] = {}
_ANSIBLE_VERSION = {"full": "2.18.0", "major": 2, "minor": 18, "revision": 0, "string": "2.18.0"}
"""The version of ansible-core whose meaning playbooks get here; roles ask for it."""

Layer = tuple[Mapping[str, Any], bool]


class Facts(Mapping[str, Any]):
    """Facts as variables: `ansible_facts`, and each fact as `ansible_NAME`."""

    __slots__ = ("_facts", "_namespace")

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self._facts = facts
        self._namespace: Mapping[str, Any] | None = None

    def __getitem__(self, name: str) -> Any:
        if name == "ansible_facts":
            return self._all()
        if name in self._facts and name.startswith("ansible_"):
            return self._facts[name]
        if name.startswith("ansible_"):
            return self._facts[name[8:]]
        raise KeyError(name)

    def _all(self) -> Mapping[str, Any]:
        if self._namespace is None:
            self._namespace = {name.removeprefix("ansible_"): value for name, value in self._facts.items()}
        return self._namespace

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str) or not name.startswith("ansible_"):
            return False
        return name == "ansible_facts" or name in self._facts or name[8:] in self._facts

    def __iter__(self) -> Iterator[str]:
        yield "ansible_facts"
        yield from (name if name.startswith("ansible_") else f"ansible_{name}" for name in self._facts)

    def __len__(self) -> int:
        return len(self._facts) + 1


def effective(
    play: Play,
    task: Task | None,
    host_vars: Mapping[str, Raw],
    facts: Mapping[str, Any] = _NOTHING,
    live: Mapping[str, Any] = _NOTHING,
    extra: Mapping[str, Raw] = _NOTHING,
    magic: Mapping[str, Any] = _NOTHING,
    included: Mapping[str, Raw] = _NOTHING,
) -> Variables:
    """What a task sees. `facts` with or without the prefix `ansible_`; `live` are final values (set_fact, register);
    `included` those of include_vars, which may hold templates."""
    above = _above(play, task, live, extra, magic, included)
    below = _below(play, task, host_vars, facts)
    files = _vars_files(play, Variables((*above[:2], *below)), bool(facts)) if play.vars_files else ()
    return Variables(tuple(layer for layer in (*above, *files, *below) if layer[0]))


def _above(
    play: Play,
    task: Task | None,
    live: Mapping[str, Any],
    extra: Mapping[str, Raw],
    magic: Mapping[str, Any],
    included: Mapping[str, Raw],
) -> tuple[Layer, ...]:
    """What is stronger than vars_files."""
    role = task.role if task else None
    return (
        (magic, True),
        (extra, False),
        (_about(task, play) if task else _NOTHING, True),
        (task.params if task else _NOTHING, False),
        (role.params if role else _NOTHING, False),
        (live, True),
        (included, False),
        (task.vars if task else _NOTHING, False),
        (role.vars if role else _NOTHING, False),
        *((one.exports, False) for one in reversed(play.roles) if one.public),
    )


def _below(play: Play, task: Task | None, host_vars: Mapping[str, Raw], facts: Mapping[str, Any]) -> tuple[Layer, ...]:
    """What is weaker than vars_files."""
    role = task.role if task else None
    return (
        (play.vars, False),
        (Facts(facts), True),
        (host_vars, False),
        (role.defaults if role else _NOTHING, False),
        *((one.defaults, False) for one in reversed(play.roles) if one.public),
        (play.connection, False),
    )


def _about(task: Task, play: Play) -> Mapping[str, Any]:
    """The magic variables of one task."""
    about: dict[str, Any] = {"ansible_search_path": [str(folder) for folder in search_path(task, play.folder)]}
    if task.role:
        about.update(role_name=task.role.name, ansible_role_name=task.role.name, role_path=str(task.role.path))
    return about


def _vars_files(play: Play, variables: Variables, has_facts: bool) -> tuple[Layer, ...]:
    templar = Templar(variables, (play.folder,), str(play.where))
    found = (_one_of(entry, templar, play, has_facts) for entry in play.vars_files)
    return tuple(reversed([(values, False) for values in found]))


def _one_of(entry: Raw, templar: Templar, play: Play, has_facts: bool) -> Mapping[str, Any]:
    """The first file of an entry that is there. A name that needs facts waits until there are some."""
    try:
        names = templar.render(entry)
    except UndefinedVariable:
        if has_facts:
            raise
        return {}
    wanted = names if isinstance(names, list) else [names]
    for name in wanted:
        path = find((play.folder,), "vars", str(name))
        if path is not None:
            return load_mapping(path)
    raise UsageProblem(f"{play.where}: none of the vars_files {', '.join(map(str, wanted))} is there")


class _Options(Protocol):
    @property
    def check(self) -> bool: ...

    @property
    def diff(self) -> bool: ...

    @property
    def tags(self) -> frozenset[str]: ...

    @property
    def skip_tags(self) -> frozenset[str]: ...

    @property
    def limit(self) -> str: ...

    @property
    def forks(self) -> int: ...

    @property
    def extra_vars(self) -> Mapping[str, Any]: ...


class _State(Protocol):
    @property
    def facts(self) -> Mapping[str, Any]: ...

    @property
    def live(self) -> Mapping[str, Any]: ...


def magic_variables(
    play: Play,
    host: Host,
    inventory: Inventory,
    play_hosts: Sequence[str],
    options: _Options,
    states: Mapping[str, _State],
) -> Mapping[str, Any]:
    """The variables that Ansible sets itself, for one host in one play."""
    return {
        **_of_host(host, inventory),
        **_of_run(options, inventory, play.folder),
        **_of_play(play, list(play_hosts)),
        "hostvars": HostVars(inventory, options, states, play.folder),
    }


def _of_host(host: Host, inventory: Inventory) -> dict[str, Any]:
    return {
        "inventory_hostname": host.name,
        "inventory_hostname_short": host.name.split(".")[0],
        "group_names": list(host.groups),
        "groups": {name: list(group.hosts) for name, group in inventory.groups.items()},
    }


def _of_run(options: _Options, inventory: Inventory, folder: Path) -> dict[str, Any]:
    return {
        "omit": OMIT,
        "playbook_dir": str(folder.absolute()),
        "ansible_check_mode": options.check,
        "ansible_diff_mode": options.diff,
        "ansible_forks": options.forks,
        "ansible_run_tags": sorted(options.tags) or ["all"],
        "ansible_skip_tags": sorted(options.skip_tags),
        "ansible_inventory_sources": list(inventory.sources),
        "ansible_playbook_python": sys.executable,
        "ansible_config_file": None,
        "ansible_verbosity": 0,
        "ansible_version": _ANSIBLE_VERSION,
        **({"ansible_limit": options.limit} if options.limit else {}),
    }


def _of_play(play: Play, hosts: list[str]) -> dict[str, Any]:
    roles = list(dict.fromkeys(role.name for role in play.roles))
    return {
        "ansible_play_name": play.name,
        "ansible_play_hosts": hosts,
        "ansible_play_hosts_all": hosts,
        "ansible_play_batch": hosts,
        "play_hosts": hosts,
        "role_names": roles,
        "ansible_role_names": roles,
        "ansible_play_role_names": roles,
    }


class HostVars(Mapping[str, Any]):
    """`hostvars`: every host's variables, rendered when they are read."""

    def __init__(
        self, inventory: Inventory, options: _Options, states: Mapping[str, _State], playbook_folder: Path
    ) -> None:
        self._inventory = inventory
        self._options = options
        self._states = states
        self._folder = playbook_folder

    def __getitem__(self, name: str) -> Mapping[str, Any]:
        host = self._inventory.host(name)
        if host is None:
            raise KeyError(name)
        state = self._states.get(name)
        layers: tuple[Layer, ...] = (
            ({**_of_host(host, self._inventory), **_of_run(self._options, self._inventory, self._folder)}, True),
            (self._options.extra_vars, False),
            (state.live if state else _NOTHING, True),
            (Facts(state.facts if state else _NOTHING), True),
            (host.vars, False),
        )
        return RenderedVariables(Templar(Variables(layers), (self._folder,), f"hostvars of {name}"))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._inventory.host(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._inventory.hosts)

    def __len__(self) -> int:
        return len(self._inventory.hosts)

    def __repr__(self) -> str:
        return f"HostVars({', '.join(self._inventory.hosts)})"
