"""What is wrong in an inventory is told with file and line, all of it at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from provision.errors import UsageProblem
from provision.inventory import InventoryErrors, load

Write = Callable[[str, str], str]


def told(source: str) -> str:
    with pytest.raises(UsageProblem) as raised:
        load([source])
    assert raised.value.exit_code == 2
    return raised.value.what


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("all:\n  hots:\n    a:\n", "hosts.yml:2: `hots` is not a key of a group (group `all`)"),
        ("all:\n  hots:\n", "did you mean `hosts`?"),
        ("all:\n  hosts: {a: }\n  hosts: {b: }\n", "hosts.yml:3: the key `hosts` is there twice (first on line 2)"),
        (
            "all:\n  hosts:\n    - a\n",
            "hosts.yml:2: `hosts` of the group `all` takes a mapping: write each of the hosts",
        ),
        ("all:\n  hosts:\n    a: 5\n", "hosts.yml:3: the host `a` takes a mapping of variables, or nothing"),
        ("all:\n  hosts:\n    5: {}\n", "hosts.yml:3: a host's name is text; quote `5`"),
        ("all:\n  children:\n    g: [x]\n", "hosts.yml:3: the group `g` takes a mapping"),
        ("all:\n  hosts:\n    'a[3:1': {}\n", "hosts.yml:3: `a[3:1` opens a range and does not close it"),
        ("all:\n  hosts:\n    'a[1:x]': {}\n", "must be of numbers or of letters"),
        ("all:\n  hosts:\n    'a[01:5]': {}\n", "must have the same length"),
        ("all:\n  hosts:\n    'a[1:2:0]': {}\n", "must be 1 or more"),
        ("all:\n  hosts:\n    'a[1:999999999]': {}\n", "stands for more than"),
        ("all:\n  vars: [1]\n", "`vars` of the group `all` takes a mapping"),
        ("- all\n", "hosts.yml:1: an inventory is a mapping of groups; this is none"),
        ("all: [\n", "this is not YAML"),
        ("all:\n\thosts:\n", "hosts.yml:2: this is not YAML"),
        ("plugin: aws_ec2\n", "hosts.yml:1: the inventory plugin `aws_ec2` is known to Ansible"),
        ("all:\n  vars: {s: !vault x}\n", "hosts.yml:2: values encrypted by ansible-vault"),
        ("a:\n  children:\n    b:\n      children:\n        a:\n", "the group `a` would contain itself: a > b > a"),
        ("all:\n  vars: {ansible_group_priority: high}\n", "ansible_group_priority is a number, not `high`"),
    ],
)
def test_bad_yaml_is_told_with_its_line(text: str, expected: str, write: Write) -> None:
    assert expected in told(write("hosts.yml", text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[web\n", "hosts.ini:1:"),
        ("[web]\na b\n", "hosts.ini:2: expected key=value after the host, got `b`"),
        ("[we b]\n", "hosts.ini:1: `[we b]` is not a section"),
        ("[web:hosst]\na\n", "hosts.ini:1: `[web:hosst]` is not a kind of section; did you mean `hosts`?"),
        (
            "[web]\na\n[wbe:vars]\nx=1\n",
            "hosts.ini:3: `[wbe:vars]` speaks of a group that is not there; did you mean `web`?",
        ),
        ("[top:children]\nlow\n", "hosts.ini:2: `[top:children]` names a group that is not there: `low`"),
        ("[web:vars]\njust text\n[web]\n", "hosts.ini:2: expected key=value, got `just text`"),
        ("a x='open\n", "hosts.ini:1:"),
        ("web:\n", "hosts.ini:1: `web:` is not a host; this looks like YAML"),
        ("[a:children]\na\n", "the group `a` would contain itself"),
    ],
)
def test_bad_ini_is_told_with_its_line(text: str, expected: str, write: Write) -> None:
    assert expected in told(write("hosts.ini", text))


def test_all_faults_of_all_files_are_told_at_once(write: Write) -> None:
    one = write("one.yml", "all:\n  hots: {}\n  hosts: [a]\n")
    two = write("two.ini", "[x:yars]\n[web]\na b\n")
    with pytest.raises(InventoryErrors) as raised:
        load([one, two])
    assert [(Path(fault.where.file).name, fault.where.line) for fault in raised.value.faults] == [
        ("one.yml", 2),
        ("one.yml", 3),
        ("two.ini", 1),
        ("two.ini", 3),
    ]


def test_a_source_that_is_not_there_says_how_to_name_a_single_host() -> None:
    with pytest.raises(UsageProblem) as raised:
        load(["no-such-host"])
    assert raised.value.hint == "for a single host write: -i no-such-host,"


def test_bad_files_of_variables_are_told(write: Write, tmp_path: Path) -> None:
    source = write("hosts.yml", "all: {hosts: {a: }}\n")
    write("host_vars/a.yml", "x: 1\nx: 2\n")
    assert "host_vars/a.yml:2: the key `x` is there twice" in told(source)
    write("host_vars/a.yml", "- 1\n")
    assert "holds one mapping" in told(source)


def test_an_inventory_script_is_refused_by_name(write: Write) -> None:
    source = write("inventory", "#!/bin/sh\necho {}\n")
    Path(source).chmod(0o755)
    assert "inventory scripts are known to Ansible" in told(source)


@pytest.mark.parametrize("pattern", ["~(", "web[9]"])
def test_a_pattern_that_makes_no_sense_is_refused(pattern: str, write: Write) -> None:
    inventory = load([write("hosts.yml", "web: {hosts: {a: }}\n")])
    with pytest.raises(UsageProblem):
        inventory.select(pattern)


def test_a_long_name_is_read_at_once(write: Write) -> None:
    source = write("hosts.yml", "all:\n  hosts:\n    '" + "abc:" * 200 + "x': {}\n    '" + "a" * 900 + "!': {}\n")
    assert len(load([source]).select("all")) == 2
    assert load(["a,b,c,d,"]).unmatched("a:b:c:d:" * 5_000) == ()


def test_words_that_stand_for_nothing_can_be_warned_about(write: Write) -> None:
    inventory = load([write("hosts.yml", "web: {hosts: {a: }}\n")])
    assert inventory.unmatched("web,wbe,a,!b,all") == ("wbe", "!b")


def test_a_limit_may_be_a_file_of_hosts(write: Write) -> None:
    inventory = load([write("hosts.yml", "all: {hosts: {a: , b: , c: }}\n")])
    limit = write("failed", "a\n\nc\n")
    assert [host.name for host in inventory.select("all", f"@{limit}")] == ["a", "c"]
    with pytest.raises(UsageProblem, match="no such file"):
        inventory.select("all", "@/no/such/file")


def test_a_host_can_be_added_while_plays_run(write: Write) -> None:
    inventory = load([write("hosts.yml", "all: {vars: {x: 1}, hosts: {a: }}\ng: {vars: {y: 2}, hosts: {a: }}\n")])
    more = inventory.with_host("new", ["g", "fresh"], {"z": 3})
    assert [host.name for host in more.select("g")] == ["a", "new"]
    assert [host.name for host in more.select("all")] == ["a", "new"]
    assert {"x": 1, "y": 2, "z": 3}.items() <= dict(more.hosts["new"].vars).items()
    assert more.hosts["new"].groups == ("fresh", "g")
    assert "new" not in inventory.hosts
