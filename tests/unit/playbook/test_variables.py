"""Which variable wins is decided as ansible-core decides it, for every pair of levels; magic variables and hostvars."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from provision.errors import UsageProblem
from provision.inventory import load
from provision.playbook import read_playbook
from provision.playbook.templating import OMIT, Templar, UndefinedVariable
from provision.playbook.values import Block, Location, Play, Task
from provision.playbook.variables import effective, magic_variables

Write = Callable[[str, str], Path]

LEVELS = [
    "other_role_defaults", "role_defaults", "inventory_all", "inventory_group", "group_vars_all", "play_group_vars_all",
    "group_vars_group", "play_group_vars_group", "inventory_host", "host_vars", "play_host_vars", "play_vars",
    "vars_files", "other_role_vars", "role_vars", "role_entry_vars", "block_vars", "task_vars", "include_vars",
    "set_fact", "role_params", "extra_vars",
]  # fmt: skip
PAIRS = [f"{a}__{b}" for a, b in itertools.combinations(LEVELS, 2)]


def said_by(level: str) -> dict[str, str]:
    """Every variable that this level gives: one for each pair it is part of."""
    return {pair: level for pair in PAIRS if level in pair.split("__")}


def yaml_of(level: str, indent: int = 0) -> str:
    return "".join(f"{' ' * indent}{name}: {value}\n" for name, value in said_by(level).items())


@pytest.fixture
def site(write: Write, tmp_path: Path) -> Path:
    write("inv/hosts.yml", (
        f"all:\n  vars:\n{yaml_of('inventory_all', 4)}  children:\n    g:\n      vars:\n{yaml_of('inventory_group', 8)}"
        f"      hosts:\n        h:\n{yaml_of('inventory_host', 10)}"
    ))  # fmt: skip
    for place, prefix in (("inv", ""), ("play", "play_")):
        write(f"{place}/group_vars/all.yml", yaml_of(f"{prefix}group_vars_all"))
        write(f"{place}/group_vars/g.yml", yaml_of(f"{prefix}group_vars_group"))
        write(f"{place}/host_vars/h.yml", yaml_of(f"{prefix}host_vars"))
    write("play/more.yml", yaml_of("vars_files"))
    write("play/roles/other/defaults/main.yml", yaml_of("other_role_defaults"))
    write("play/roles/other/vars/main.yml", yaml_of("other_role_vars"))
    write("play/roles/mine/defaults/main.yml", yaml_of("role_defaults"))
    write("play/roles/mine/vars/main.yml", yaml_of("role_vars"))
    write("play/roles/mine/tasks/main.yml", (
        f"- vars:\n{yaml_of('block_vars', 4)}  block:\n    - ping:\n      vars:\n{yaml_of('task_vars', 8)}"
    ))  # fmt: skip
    return write("play/site.yml", (
        f"- hosts: all\n  vars:\n{yaml_of('play_vars', 4)}  vars_files: [more.yml]\n  roles:\n    - role: mine\n"
        f"      vars:\n{yaml_of('role_entry_vars', 8)}{yaml_of('role_params', 6)}    - other\n"
    ))  # fmt: skip


@pytest.fixture
def theirs(site: Path, tmp_path: Path, ansible: Any) -> Mapping[str, Any]:
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    from ansible.playbook import Playbook
    from ansible.plugins.vars import host_group_vars
    from ansible.utils import vars as extra
    from ansible.vars.manager import VariableManager

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        extra.load_extra_vars.extra_vars = {}
        for memory in (host_group_vars.FOUND, host_group_vars.NAK, host_group_vars.PATH_CACHE):
            memory.clear()
        loader = DataLoader()
        loader.set_basedir(str(site.parent))
        inventory = InventoryManager(loader=loader, sources=[str(tmp_path / "inv/hosts.yml")])
        manager = VariableManager(loader=loader, inventory=inventory)
        manager._extra_vars = said_by("extra_vars")
        (play,) = Playbook.load(str(site), variable_manager=manager, loader=loader).get_plays()
        task = next(task for block in play.compile() for task in block.block if task.action == "ping")
        for name, value in said_by("include_vars").items():
            manager.set_host_variable("h", name, value)
        manager.set_nonpersistent_facts("h", said_by("set_fact"))
        found: Mapping[str, Any] = manager.get_vars(play=play, host=inventory.get_host("h"), task=task)
    return found


def first_task(play: Play) -> Task:
    node = play.tasks[0]
    while isinstance(node, Block):
        node = node.block[0]
    return node


def test_every_pair_of_levels_is_decided_as_in_ansible(site: Path, theirs: Mapping[str, Any], tmp_path: Path) -> None:
    (play,) = read_playbook(site)
    inventory = load([str(tmp_path / "inv/hosts.yml")]).beside(play.folder)
    ours = effective(
        play,
        first_task(play),
        inventory.hosts["h"].vars,
        live=said_by("set_fact"),
        extra=said_by("extra_vars"),
        included=said_by("include_vars"),
    )
    wrong = {pair: (ours[pair], str(theirs[pair])) for pair in PAIRS if ours[pair] != theirs[pair]}
    assert wrong == {}


# -- facts, files, magic -----------------------------------------------------------------------------------------------

PLAY = Play(Location("site.yml", 1), "p", "all", ())


def seen(play: Play = PLAY, task: Task | None = None, **levels: Any) -> Templar:
    return Templar(effective(play, task, levels.pop("host_vars", {}), **levels))


@pytest.mark.parametrize("facts", [{"os_family": "Debian"}, {"ansible_os_family": "Debian"}])
def test_facts_are_seen_under_both_names_however_they_came(facts: Mapping[str, Any]) -> None:
    templar = seen(facts=facts)
    assert templar.render("{{ ansible_facts.os_family }}-{{ ansible_os_family }}") == "Debian-Debian"
    assert templar.condition("os_family is not defined and ansible_facts['os_family'] == 'Debian'")


def test_facts_win_over_the_inventory_and_lose_to_the_play() -> None:
    facts = {"x": "fact"}
    assert seen(facts=facts, host_vars={"ansible_x": "inventory"}).render("{{ ansible_x }}") == "fact"
    assert seen(replace(PLAY, vars={"ansible_x": "play"}), facts=facts).render("{{ ansible_x }}") == "play"


def test_text_in_facts_and_results_is_never_a_template() -> None:
    templar = seen(facts={"motd": "{{ evil }}"}, live={"out": {"stdout": "{{ evil }}"}})
    assert templar.render("{{ ansible_motd }} {{ out.stdout }}") == "{{ evil }} {{ evil }}"
    assert templar.render("{{ out }}") == {"stdout": "{{ evil }}"}


def test_included_variables_may_be_templates() -> None:
    assert seen(included={"a": "{{ b }}", "b": 1}).render("{{ a }}") == "1"


def test_a_task_may_be_judged_with_more_values_in_sight() -> None:
    variables = effective(PLAY, None, {"x": "{{ y }}"}).knowing({"y": "{{ raw }}"})
    assert Templar(variables).render("{{ x }}") == "{{ raw }}"


def test_connection_keywords_of_the_play_are_weakest() -> None:
    play = replace(PLAY, connection={"ansible_user": "play", "ansible_port": 1})
    assert seen(play, host_vars={"ansible_user": "host"}).render("{{ ansible_user }}{{ ansible_port }}") == "host1"


def test_names_of_vars_files_may_depend_on_the_host(write: Write, tmp_path: Path) -> None:
    write("Debian.yml", "v: debian\n")
    write("default.yml", "v: default\n")
    site = write("site.yml", "- hosts: all\n  vars_files:\n    - ['{{ ansible_os_family }}.yml', default.yml]\n")
    (play,) = read_playbook(site)
    assert seen(play, facts={"os_family": "Debian"}).render("{{ v }}") == "debian"
    assert seen(play, facts={"os_family": "Other"}).render("{{ v }}") == "default"
    assert not seen(play).condition("v is defined")
    with pytest.raises(UndefinedVariable):
        seen(play, facts={"unrelated": 1})


def test_vars_files_that_are_not_there_are_told(write: Write) -> None:
    (play,) = read_playbook(write("site.yml", "- hosts: all\n  vars_files: ['{{ x }}.yml']\n"))
    with pytest.raises(UsageProblem, match=r"none of the vars_files nope\.yml is there"):
        seen(play, host_vars={"x": "nope"})


@dataclass(frozen=True)
class Options:
    check: bool = False
    diff: bool = True
    tags: frozenset[str] = frozenset()
    skip_tags: frozenset[str] = frozenset({"slow"})
    limit: str = ""
    forks: int = 5
    extra_vars: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class State:
    facts: Mapping[str, Any] = field(default_factory=dict)
    live: Mapping[str, Any] = field(default_factory=dict)


@pytest.fixture
def magic(write: Write, tmp_path: Path) -> Mapping[str, Any]:
    inventory = load([str(write("hosts.yml", (
        "web:\n  vars: {port: 80, url: 'http://{{ inventory_hostname }}:{{ port }}'}\n"
        "  hosts: {w1.example.org: , w2: {port: 81}}\n"
    )))])  # fmt: skip
    play = replace(PLAY, name="Web", folder=tmp_path)
    states = {"w2": State({"os_family": "Debian"}, {"result": {"rc": 3}})}
    host = inventory.hosts["w1.example.org"]
    return magic_variables(play, host, inventory, ["w1.example.org", "w2"], Options(), states)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ inventory_hostname }} {{ inventory_hostname_short }}", "w1.example.org w1"),
        ("{{ group_names }}", ["web"]),
        ("{{ groups.web }}", ["w1.example.org", "w2"]),
        ("{{ groups['all'] | length }}", "2"),
        ("{{ hostvars['w2'].port }}", "81"),
        ("{{ hostvars.w2.url }}", "http://w2:81"),
        ("{{ hostvars['w2']['ansible_facts']['os_family'] }}", "Debian"),
        ("{{ hostvars['w2'].result.rc }}", "3"),
        ("{{ hostvars['w2'].inventory_hostname }}", "w2"),
        ("{{ hostvars['w2'].nope | default('d') }}", "d"),
        ("{{ hostvars['nobody'] | default('d') }}", "d"),
        ("{{ 'w2' in hostvars }}", True),
        ("{{ groups.web | map('extract', hostvars, 'port') | list }}", [80, 81]),
        ("{{ ansible_play_hosts }}", ["w1.example.org", "w2"]),
        ("{{ ansible_play_name }}", "Web"),
        ("{{ ansible_check_mode }}", False),
        ("{{ ansible_diff_mode }}", True),
        ("{{ ansible_run_tags }}", ["all"]),
        ("{{ ansible_skip_tags }}", ["slow"]),
        ("{{ ansible_version.full is version('2.10', '>=') }}", True),
        pytest.param("{{ omit }}", OMIT, id="omit"),
        ("{{ ansible_limit is defined }}", False),
    ],
)
def test_magic_variables(template: str, expected: Any, magic: Mapping[str, Any]) -> None:
    assert seen(magic=magic, host_vars={"port": 80}).render(template) == expected


def test_a_task_in_a_role_knows_its_role(write: Write, tmp_path: Path) -> None:
    write("roles/app/tasks/main.yml", "- ping:\n")
    (play,) = read_playbook(write("site.yml", "- hosts: all\n  roles: [app]\n"))
    templar = seen(play, first_task(play))
    assert templar.render("{{ role_name }} {{ role_path }}") == f"app {tmp_path}/roles/app"
    assert templar.render("{{ ansible_search_path }}") == [
        str(tmp_path / "roles/app"),
        str(tmp_path / "roles/app/tasks"),
        str(tmp_path),
    ]


def test_variables_of_a_private_role_stay_in_it(write: Write) -> None:
    write("roles/app/tasks/main.yml", "- ping:\n")
    write("roles/app/vars/main.yml", "v: 1\n")
    write("roles/app/defaults/main.yml", "d: 1\n")
    site = "- hosts: all\n  tasks:\n    - import_role: {{name: app{}}}\n    - debug:\n"
    for option, expected in (("", True), (", public: false", False)):
        (play,) = read_playbook(write("site.yml", site.format(option)))
        own, other = play.tasks
        assert isinstance(own, Task)
        assert isinstance(other, Task)
        assert seen(play, own).condition("v == 1 and d == 1")
        assert seen(play, other).condition("v is defined and d is defined") is expected
