"""`provision inventory` shows what ansible-inventory shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.manager import VariableManager

from provision import cli

HOSTS = """\
all:
  hosts:
    lone: {x: 1}
  vars:
    everywhere: "yes"
  children:
    web:
      hosts:
        w1: {ansible_host: 1.2.3.4}
        w2:
      vars: {color: blue, nested: {a: [1, 2]}}
      children:
        deep:
          hosts: {d1: }
          vars: {color: green}
    db:
      hosts: {w1: }
"""


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    file = tmp_path / "hosts.yml"
    file.write_text(HOSTS)
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "db.yml").write_text("db_port: 5432\n")
    return file


def theirs(hosts: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Groups (own hosts and children) and variables as ansible-core has them."""
    loader = DataLoader()
    inventory = InventoryManager(loader=loader, sources=[str(hosts)])
    variables = VariableManager(loader=loader, inventory=inventory)
    groups: dict[str, Any] = {}
    for name, group in inventory.groups.items():
        own = [] if name == "all" else [host.name for host in group.hosts]
        parts = {"children": [child.name for child in group.child_groups], "hosts": own}
        if told := {part: names for part, names in parts.items() if names}:
            groups[name] = told
    internal = {"inventory_dir", "inventory_file", "groups", "omit", "playbook_dir", "ansible_playbook_python"}
    internal |= {"inventory_hostname", "inventory_hostname_short", "group_names"}
    internal |= {"ansible_facts", "ansible_config_file", "ansible_version"}
    found = {}
    for host in inventory.get_hosts("all"):
        every = variables.get_vars(host=host, include_hostvars=False, stage="all")
        found[host.name] = {name: value for name, value in every.items() if name not in internal}
    return groups, {name: values for name, values in found.items() if values}


def shown(*words: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert cli.run(["inventory", *words]) == 0
    return capsys.readouterr().out


def test_the_list_is_that_of_ansible_inventory(hosts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = json.loads(shown("-i", str(hosts), capsys=capsys))
    groups, variables = theirs(hosts)
    assert listed.pop("_meta") == {"hostvars": variables}
    assert listed == groups


def test_one_host_has_its_variables_merged(hosts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(shown("-i", str(hosts), "--host", "w1", capsys=capsys)) == theirs(hosts)[1]["w1"]


def test_the_graph_is_a_tree_of_groups_and_hosts(hosts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown("-i", str(hosts), "--graph", capsys=capsys).splitlines() == [
        "@all:",
        "  |--@ungrouped:",
        "  |  |--lone",
        "  |--@web:",
        "  |  |--@deep:",
        "  |  |  |--d1",
        "  |  |--w1",
        "  |  |--w2",
        "  |--@db:",
        "  |  |--w1",
    ]


def test_a_limit_leaves_the_other_hosts_out(hosts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = json.loads(shown("-i", str(hosts), "-l", "db", capsys=capsys))
    assert listed["_meta"]["hostvars"].keys() == {"w1"}
    assert listed["web"]["hosts"] == ["w1"]


def test_as_json_lines_it_is_part_of_the_last_object(hosts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    end = json.loads(shown("-i", str(hosts), "-o", "json", capsys=capsys).splitlines()[-1])
    assert (end["event"], end["ok"]) == ("end", True)
    assert end["inventory"]["db"] == {"hosts": ["w1"]}
    end = json.loads(shown("-i", str(hosts), "--host", "lone", "-o", "json", capsys=capsys))
    assert (end["host"], end["vars"]["x"]) == ("lone", 1)


def test_before_the_first_machine_it_is_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "nothing"))
    monkeypatch.delenv("PROVISION_INVENTORY", raising=False)
    assert json.loads(shown(capsys=capsys))["_meta"] == {"hostvars": {}}


@pytest.mark.parametrize("words", [["--host", "nobody"], ["-i", "/does/not/exist"]])
def test_what_is_not_there_is_wrong_usage(words: list[str], hosts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["inventory", "-i", str(hosts), *words]) == 2
    assert "error: " in capsys.readouterr().err
