"""More inventories asked of ansible-core: odd encodings, ranges, precedence between sources, patterns, limit files."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provision.errors import UsageProblem
from provision.inventory import load
from provision.inventory.addresses import expand, is_address, split_port

from .test_same_as_ansible import _agree

Write = Callable[[str, str], str]

RANGES = [
    "a[1:3]", "a[01:10:3]", "a[001:003]", "a[a:e:2]", "a[A:C]", "a[y:B]", "a[:2]", "[1:2]b", "a[1:2][x:y]c[3:4]",
    "a[1:1]", "a[9:11]", "a[5:3]", "a[0:0]", "rack[01:02]-u[a:b].example.org", "a[1:3]:2200",
]  # fmt: skip


@pytest.mark.parametrize("pattern", RANGES)
def test_a_range_stands_for_the_same_hosts(pattern: str, write: Write, ansible: Any) -> None:
    source = write("hosts.yml", f"all:\n  hosts:\n    '{pattern}': {{x: 1}}\n")
    _agree(load([source]), ansible(source))


@pytest.mark.parametrize("pattern", RANGES)
def test_a_range_in_ini_stands_for_the_same_hosts(pattern: str, write: Write, ansible: Any) -> None:
    source = write("hosts", f"[g]\n{pattern} x=1\n")
    _agree(load([source]), ansible(source))


@pytest.mark.parametrize(
    ("text", "name", "port"),
    [
        ("web", "web", None),
        ("web:22", "web", 22),
        ("[::1]:22", "::1", 22),
        ("::1", "::1", None),
        ("fe80::1:22", "fe80::1:22", None),
        ("10.0.0.1:2222", "10.0.0.1", 2222),
        ("web:ssh", "web:ssh", None),
        ("-web:22", "-web:22", None),
        ("h[1:3]:22", "h[1:3]", 22),
    ],
)
def test_a_port_is_split_from_addresses_only(text: str, name: str, port: int | None) -> None:
    assert split_port(text) == (name, port)


@pytest.mark.parametrize("bad", ["a[1:", "a[1]", "a[1:2:3:4]", "a[:]", "a[1:-2]", "a[b:1]", "a[01:100]", "a[c:a]"])
def test_a_range_that_makes_no_sense_gives_its_reason(bad: str) -> None:
    with pytest.raises(ValueError, match="range"):
        expand(bad)


def test_two_ranges_that_multiply_beyond_reason_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="stands for more than"):
        expand("a[1:1000]b[1:1000]")


@pytest.mark.parametrize("text", ["web_1", "web-1.example.org", "10.1.2.3", "::ffff:1.2.3.4", "ünï"])
def test_addresses_are_known_as_such(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize("text", ["web:db", "a b", "!a", "&a", "web-", "a..b", "", "~x"])
def test_what_is_no_address_is_not_taken_for_one(text: str) -> None:
    assert not is_address(text)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("bom.yml", b"\xef\xbb\xbfall:\n  hosts:\n    a: {x: 1}\n"),
        ("crlf.yml", b"all:\r\n  hosts:\r\n    a: {x: 1}\r\n"),
        ("crlf", b"[g]\r\na x=1\r\n[g:vars]\r\ny=2\r\n"),
        ("umlauts.yml", "all:\n  hosts:\n    a: {x: 'grün'}\n  vars: {ö: 1}\n".encode()),
        ("umlauts", "[größe]\na x=grün\n".encode()),
        ("no_newline.yml", b"all: {hosts: {a: {x: 1}}}"),
        ("blank_lines", b"\n\n\na\n\n  \n\tb\n"),
        ("indented", b"  [g]\n    a   x=1    y=2\n"),
        ("document_end.yml", b"---\nall: {hosts: {a: }}\n...\n"),
        ("comments_only.yml", b"# nothing\nall:\n"),
    ],
)
def test_bytes_are_read_as_ansible_reads_them(name: str, data: bytes, tmp_path: Path, ansible: Any) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    _agree(load([str(path)]), ansible(str(path)))


@pytest.mark.parametrize("data", [b"all:\n  hosts:\n    \xff\xfe: {}\n", b"\xff\xfea\x00l\x00l\x00"])
def test_bytes_that_are_no_text_are_told_with_the_file(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "hosts.yml"
    path.write_bytes(data)
    with pytest.raises(UsageProblem, match=r"hosts\.yml is not text in UTF-8"):
        load([str(path)])


def test_a_host_in_many_groups_takes_the_deepest_then_the_last_by_name(write: Write, ansible: Any) -> None:
    text = "".join(
        f"{name}:\n  hosts: {{h: }}\n  vars: {{v: {name}, only_{name}: 1, ansible_group_priority: {rank}}}\n"
        for name, rank in (("b", 1), ("c", 1), ("a", 1), ("first", 2), ("second", 2))
    )
    source = write("hosts.yml", text + "deep:\n  children: {deeper: {hosts: {h: }, vars: {v: deeper}}}\n")
    inventory = load([source])
    _agree(inventory, ansible(source))
    assert inventory.hosts["h"].vars["v"] == "deeper"


def test_later_sources_win_over_earlier_ones_but_not_over_deeper_groups(write: Write, ansible: Any) -> None:
    sources = (
        write("one.yml", "all: {vars: {v: one, w: one}}\ng: {hosts: {h: {own: one}}, vars: {w: g}}\n"),
        write("two", "h own=two extra=2\n[all:vars]\nv=two\nw=two\n"),
    )
    for order in (sources, sources[::-1]):
        _agree(load(order), ansible(*order))


def test_variables_beside_each_source_count_in_the_order_of_the_sources(write: Write, ansible: Any) -> None:
    one, two = write("one/hosts", "[g]\nh\n"), write("two/hosts", "[g]\nh\n")
    write("one/group_vars/g.yml", "v: one\nonly_one: 1\n")
    write("two/group_vars/g.yml", "v: two\n")
    write("one/group_vars/all.yml", "a: one\n")
    write("two/host_vars/h.yml", "a: host\n")
    for order in ((one, two), (two, one)):
        _agree(load(order), ansible(*order))


@pytest.mark.parametrize(
    "pattern",
    [
        "web*:!web2", "web[1:]:db", "web[0],db[0]", "all:&web:&big", "all,!web,!db", "~web[12]", "!web:db", "web:web",
        "*.org", "*:!*.org", "web[-2]", "web[1:1]", "db1.org,web1", "&big", "big:!big", "~.*[13]$", "ungrouped:web",
        "w?b1", "all[0]", "all[-1]", "[!d]*",
    ],
)  # fmt: skip
def test_more_patterns_choose_the_same(pattern: str, write: Write, ansible: Any) -> None:
    source = write(
        "hosts", "loose\n[web]\nweb[1:3]\n[db]\ndb1.org\ndb2.org\n[big]\nweb2\ndb2.org\n[site:children]\nweb\ndb\n"
    )
    assert [host.name for host in load([source]).select(pattern)] == ansible(source).hosts(pattern)


@pytest.mark.parametrize("lines", ["a\nb\n", "# why\na\n", "\n\n  b  \n", "g\n!a\n", "nobody\n"])
def test_a_limit_file_chooses_the_same(lines: str, write: Write, ansible: Any) -> None:
    source, limit = write("hosts", "c\n[g]\na\nb\n"), write("limit", lines)
    assert [host.name for host in load([source]).select("all", f"@{limit}")] == ansible(source).hosts(
        "all", f"@{limit}"
    )


@pytest.mark.parametrize("seed", range(12))
def test_inventories_made_by_chance_mean_the_same(seed: int, write: Write, ansible: Any) -> None:
    chance = random.Random(seed)
    names = [f"g{number}" for number in range(6)]
    lines = [f"loose{seed} x=0"]
    for at, name in enumerate(names):
        lines.append(f"[{name}]")
        lines += [f"h{host} v{host % 3}={chance.randint(0, 9)}" for host in chance.sample(range(6), 2)]
        lines += [f"[{name}:vars]", f"v{chance.randint(0, 3)}={name}", f"ansible_group_priority={chance.randint(1, 3)}"]
        below = chance.sample(names[at + 1 :], min(len(names) - at - 1, chance.randint(0, 2)))
        lines += [f"[{name}:children]", *below]
    source = write("hosts", "\n".join(lines) + "\n")
    inventory, oracle = load([source]), ansible(source)
    # Hosts below two levels of groups have no order in ansible-core: it walks a set there.
    assert {name: set(group.hosts) for name, group in inventory.groups.items()} == {
        name: set(hosts) for name, hosts in oracle.groups().items()
    }
    for name, host in inventory.hosts.items():
        assert list(host.groups) == oracle.groups_of(name)
        assert dict(host.vars) == oracle.vars(name)
    for _ in range(8):
        words = chance.sample([*names, "h1", "h2", "all", "h*"], 3)
        pattern = f"{words[0]}:{chance.choice('!&')}{words[1]}:{words[2]}"
        assert {host.name for host in inventory.select(pattern)} == set(oracle.hosts(pattern))


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("name", ["hosts", "hosts.yml"])
def test_whatever_stands_in_a_file_is_read_or_refused_with_its_line(seed: int, name: str, write: Write) -> None:
    chance = random.Random(seed)
    pieces = ["[", "]", ":", "g", "h1", "=", " ", "\n", "\n  ", "{", "}", "'", '"', "#", "vars", "hosts", "children",
              "- ", "&a ", "*a", "!x ", "\t", "all:", "[a:vars]", "[1:3]", "\\", "ü", "\x85", "<<: "]  # fmt: skip
    source = write(name, "".join(chance.choice(pieces) for _ in range(40)))
    try:
        inventory = load([source])
    except UsageProblem as problem:
        assert f"{name}:" in problem.what
    else:
        assert set(inventory.hosts) == {host.name for host in inventory.select("all")}
