"""Inventories mean what they mean to ansible-core: hosts and their order, groups, merged variables, patterns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provision.inventory import Inventory, load

Write = Callable[[str, str], str]

YAML = {
    "flat": "all:\n  hosts:\n    a:\n    b: {x: 1}\n",
    "one_host_as_text": "all:\n  hosts: single\n",
    "children": """
all:
  vars: {from: all, only_all: 1}
  hosts: {loose: }
  children:
    web:
      hosts: {w1: {from: host}, w2: }
      vars: {from: web}
    db:
      hosts: {d1: , w2: }
      vars: {from: db, db: 1}
""",
    "nested": """
all:
  children:
    top:
      vars: {v: top, t: 1}
      children:
        middle:
          vars: {v: middle, m: 1}
          children:
            bottom:
              vars: {v: bottom}
              hosts: {h: }
    aside:
      vars: {v: aside}
      hosts: {h: , i: }
""",
    "priority": """
all:
  children:
    a_first: {hosts: {h: }, vars: {v: a, ansible_group_priority: 10}}
    z_last: {hosts: {h: }, vars: {v: z}}
""",
    "two_parents": """
all:
  children:
    one: {children: {shared: }, vars: {v: one}}
    two: {children: {shared: {hosts: {h: }}}, vars: {v: two}}
""",
    "ranges": """
all:
  hosts:
    "db[01:03].example.org": {r: 1}
    "x[a:c]": {}
    "y[1:5:2]z[8:9]": {}
    "port[1:2]:2222": {}
    "[::1]:2200": {}
    "10.0.0.1:22": {}
    "fe80::1": {}
""",
    "groups_at_the_top": "web:\n  hosts: {w: }\nungrouped:\n  hosts: {u: }\nall:\n  vars: {x: 1}\n",
    "group_without_hosts": "all:\n  children:\n    empty:\n    full: {hosts: {h: }}\n",
    "typed_values": "all:\n  hosts:\n    h: {i: 1, f: 1.5, b: yes, n: null, o: 0644, l: [1, a], d: {k: [v]}, s: '1'}\n",
    "same_variable_twice_in_groups": "g:\n  hosts: {h: {d: {a: 1}}}\nk:\n  vars: {d: {b: 2}}\n  hosts: {h: }\n",
    "anchors": "all:\n  vars: &v {x: 1, y: 2}\n  hosts:\n    h: {<<: *v, y: 3}\n",
    "json": '{"all": {"hosts": {"h": {"x": true}}, "children": {"g": {"hosts": {"h": null}}}}}',
}

INI = {
    "flat": "a\nb x=1\n",
    "groups": "loose\n[web]\nw1\nw2 ansible_port=22\n[db]\nd1\nw2\n",
    "vars": "[web]\nw1\n[web:vars]\na=1\nb = text with blanks \nc=[1, 'x']\nd={'k': None}\n"
    "e=True\nf=yes\ng=0x10\nh=1.5\ni='q'\n",
    "inline_types": "h i=1 f=1.5 b=True n=None t=true l=[1,2] s='a b' q=\"c d\" e= z='\"x\"' o=0644 m=1_0\n",
    "children_before_groups": "[all:children]\ntop\n[top:children]\nlow\n[low]\nh\n[low:vars]\nv=low\n"
    "[top:vars]\nv=top\nt=1\n",
    "ranges": "[db]\ndb[01:03]:2222 x=1\nn[a:c].org\n",
    "comments": "# c\n; c\na # behind\n[g] # behind\nb x=1 # y=2\n[g:vars] \nv=1 # kept\n",
    "priority": "[b]\nh\n[b:vars]\nansible_group_priority=5\nv=b\n[c]\nh\n[c:vars]\nv=c\n",
    "host_twice": "[a]\nh x=1\n[b]\nh y=2 x=3\n",
    "equals_in_values": "h a=b=c d='x=y'\n[all:vars]\nk==v\n",
    "vars_of_all": "h\n[all:vars]\nx=1\n[ungrouped:vars]\ny=2\n",
}

PATTERNS = [
    "all", "*", "web", "web:db", "web,db", "all:!web", "all,!w2", "web:&db", "!web", "&web", "w*", "?1", "~w\\d",
    "~(w1|d1)$",
    "web[0]", "web[1]", "web[-1]", "web[0:1]", "web[1:]", "all[1:2]", "w*[0]", "w1", "w1,d1", "w1:d1", "d1,w1", "loose",
    "ungrouped", "db:web:!w1",
    "w1:w2:d1", "w1:w2:d1:loose", "fe80::1", "w1:2222", "web:db:&w2:!d1", "nothing", "web:nothing",
    "localhost", "127.0.0.1", "[dw]1", "web, db",
    "~^d", "*b", "al*", "w[12]",
]  # fmt: skip


def _agree(inventory: Inventory, oracle: Any) -> None:
    assert {name: list(group.hosts) for name, group in inventory.groups.items()} == oracle.groups()
    assert [host.name for host in inventory.select("all")] == oracle.hosts()
    for name, host in inventory.hosts.items():
        assert list(host.groups) == oracle.groups_of(name)
        assert dict(host.vars) == oracle.vars(name)


@pytest.mark.parametrize("name", YAML)
def test_yaml_means_the_same(name: str, write: Write, ansible: Any) -> None:
    source = write("hosts.yml", YAML[name])
    _agree(load([source]), ansible(source))


@pytest.mark.parametrize("name", INI)
def test_ini_means_the_same(name: str, write: Write, ansible: Any) -> None:
    source = write("hosts", INI[name])
    _agree(load([source]), ansible(source))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_chooses_the_same_hosts_in_the_same_order(pattern: str, write: Write, ansible: Any) -> None:
    source = write("hosts.yml", YAML["children"])
    chosen = [host.name for host in load([source]).select(pattern)]
    assert chosen == ansible(source).hosts(pattern)


@pytest.mark.parametrize("limit", ["w1", "web:!w1", "db", "nothing", "w*,d*", "~[dw]1"])
def test_limit_cuts_the_same(limit: str, write: Write, ansible: Any) -> None:
    source = write("hosts.yml", YAML["children"])
    chosen = [host.name for host in load([source]).select("web:db", limit)]
    assert chosen == ansible(source).hosts("web:db", limit)


def test_files_of_variables_are_merged_the_same(write: Write, ansible: Any, tmp_path: Path) -> None:
    source = write("inv/hosts.yml", YAML["nested"])
    for name, text in {
        "inv/group_vars/all.yml": "v: file_all\nonly: all\n",
        "inv/group_vars/bottom.yaml": "v: file_bottom\n",
        "inv/group_vars/top/one.yml": "v: file_top\nfolder: 1\n",
        "inv/group_vars/top/sub/two.yml": "folder: 2\nsub: 1\n",
        "inv/group_vars/top/.hidden.yml": "hidden: 1\n",
        "inv/group_vars/top/backup.yml~": "backup: 1\n",
        "inv/group_vars/top/notes.txt": "not: read\n",
        "inv/group_vars/aside": "v: file_aside\n",
        "inv/group_vars/middle.json": '{"m": "json"}',
        "inv/host_vars/h.yml": "host: inventory\n",
        "inv/host_vars/i": "",
        "play/group_vars/all": "v: play_all\nplay_all: 1\n",
        "play/group_vars/top.yml": "v: play_top\n",
        "play/host_vars/h/x.yml": "host: play\n",
    }.items():
        write(name, text)
    inventory = load([source]).beside(tmp_path / "play")
    oracle = ansible(source, playbook_folder=tmp_path / "play")
    _agree(inventory, oracle)
    assert inventory.hosts["h"].vars["v"] == "play_top"
    assert inventory.hosts["h"].vars["host"] == "play"


def test_a_folder_is_all_of_its_files(write: Write, ansible: Any, tmp_path: Path) -> None:
    write("inv/10-web.yml", "web: {hosts: {w: {x: 1}}}\n")
    write("inv/20-db", "[db]\nd\nw x=2\n")
    write("inv/30-more/deep.yaml", "all: {hosts: {m: }}\n")
    write("inv/group_vars/web.yml", "g: 1\n")
    for left_out in ("notes.txt", "old.bak", "x.cfg", "y.ini", ".hidden", "z~", "readme.md", "p.retry"):
        write(f"inv/{left_out}", "[bad\n")
    source = str(tmp_path / "inv")
    _agree(load([source]), ansible(source))


def test_several_sources_are_one_inventory_and_the_later_wins(write: Write, ansible: Any) -> None:
    sources = write("one.yml", "all: {hosts: {a: {x: 1, y: 1}}}\n"), write("two", "[g]\na x=2\nb\n")
    _agree(load(sources), ansible(*sources))


def test_a_list_of_hosts_is_an_inventory(ansible: Any) -> None:
    inventory, oracle = load(["a,b:2222,10.0.0.1,"]), ansible("a,b:2222,10.0.0.1,")
    assert [host.name for host in inventory.select("all")] == oracle.hosts()
    assert inventory.hosts["b"].vars["ansible_port"] == oracle.vars("b")["ansible_port"] == 2222
    assert inventory.hosts["a"].groups == ("ungrouped",)


def test_localhost_need_not_be_written_down(ansible: Any, write: Write) -> None:
    source = write("hosts.yml", "all: {vars: {everyone: 1}, hosts: {a: }}\n")
    inventory = load([source])
    (host,) = inventory.select("localhost")
    assert dict(host.vars) == ansible(source).vars("localhost")
    assert (host.vars["ansible_connection"], host.groups, host.implicit) == ("local", (), True)
    assert "localhost" not in inventory.groups["all"].hosts


def test_a_localhost_that_is_written_down_is_like_any_host(ansible: Any, write: Write) -> None:
    source = write("hosts", "localhost x=1\nother\n")
    (host,) = load([source]).select("localhost")
    assert dict(host.vars) == ansible(source).vars("localhost")
    assert "ansible_connection" not in host.vars
