"""Small readers: `key=value` lines as Ansible splits them, versions, password hashes, YAML documents."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from provision.inventory.documents import Unsafe, nearest, parse
from provision.playbook.freeform import key_values
from provision.playbook.sha_crypt import sha_crypt

LINES = [
    "a=1", "a=1 b=2", "a='x y' b=\"c d\"", "a={{ x y }} b={{z}}", "a={% if x %}1 2{% endif %} b=3", "a={# c d #}x",
    "echo hi", "echo a=b", "echo 'a b'  c", "creates=/x echo hi", "echo hi chdir=/tmp removes='/a b'", "a=b=c", "a=",
    "a=\"it's\" b='say \"x\"'", "a=\\\"x\\\" b=y",
    "one\\\ntwo a=1", "one \\\n two", "line one\nline two\n", "  lead a=1",
    "a='{{ x | default(\"y z\") }}'", "\"{{ x }}\"=1", "a=\\n b=\\t", "a=x\\=y", "x\\=y", "=a", "a==b", "'quoted' rest",
    "echo \"a\\\"b\" c=d", "{{ a }}{{ b c }} d", "a={{ x }}{{ y z }}w", "a=1  b=2   c", "\ta=1\tb=2", "", "   ",
    "msg=\"multi\nline\" b=1", "awk '{print $1}' file", "echo {{ 'a' }} creates={{ b }}", "a=ü b=☃",
]  # fmt: skip


@pytest.mark.parametrize("command", [False, True])
@pytest.mark.parametrize("line", LINES)
def test_a_line_is_split_as_in_ansible(line: str, command: bool, ansible: Any) -> None:
    from ansible.errors import AnsibleParserError
    from ansible.parsing.splitter import parse_kv

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            theirs: Any = dict(parse_kv(line, check_raw=command))
        except AnsibleParserError:
            theirs = None
    try:
        ours: Any = key_values(line, command)
    except ValueError:
        ours = None
    assert ours == theirs


@pytest.mark.parametrize("line", ["a='open", "a={{ open", "{% if x", 'a="x b={{ y }}'])
def test_what_is_left_open_is_told(line: str) -> None:
    with pytest.raises(ValueError, match="is not closed"):
        key_values(line)


@pytest.mark.parametrize(
    ("kind", "password", "salt", "rounds", "expected"),
    [  # As glibc's crypt(3) hashes them; the last one is a vector of the specification.
        ("sha256", "Hello world!", "saltstring", 5000, "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
        (
            "sha256", "Hello world!", "saltstringsaltst", 10000,
            "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA",
        ),
        (
            "sha512", "Hello world!", "saltstring", 5000,
            "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        ),
        (
            "sha512", "the minimum number is still observed", "roundstoolow", 10,
            "$6$rounds=1000$roundstoolow$kUMsbe306n21p9R.FRkW3IGn.S9NPN0x50YhH1xhLsPuWGsUSklZt58jaTfF4ZEQpyUNGc0dqbpBYYBaHHrsX.",
        ),
    ],
)  # fmt: skip
def test_password_hashes_are_those_of_the_c_library(
    kind: str, password: str, salt: str, rounds: int, expected: str
) -> None:
    assert sha_crypt(password, kind, salt, rounds=rounds) == expected


def test_a_salt_is_made_and_bad_ones_are_refused() -> None:
    first, second = (sha_crypt("x", "sha512", rounds=1000).split("$")[3] for _ in range(2))
    assert len(first) == 16
    assert first != second
    for bad in ("has space", "x" * 17, "ü"):
        with pytest.raises(ValueError, match="a salt has at most 16"):
            sha_crypt("x", "sha512", bad, rounds=1000)


# -- documents ---------------------------------------------------------------------------------------------------------


def faults(text: str) -> list[str]:
    return [str(fault) for fault in parse(text, "f.yml").faults]


def test_values_have_the_types_of_yaml_1_1() -> None:
    text = "[1, 0644, 0x1F, 1.5, .inf, yes, No, on, ~, null, 'yes', 12:30, 2001-02-03, !!str 5, '', !unsafe '{{ x }}']"
    value = parse(text, "f").value
    import datetime

    assert value[:5] == [1, 420, 31, 1.5, float("inf")]
    assert value[5:13] == [True, False, True, None, None, "yes", 750, datetime.date(2001, 2, 3)]
    assert value[13:15] == ["5", ""]
    assert isinstance(value[15], Unsafe)


def test_every_key_and_element_knows_its_line() -> None:
    document = parse("a: 1\nb:\n  - x\n  - {c: 2,\n     d: 3}\n", "f")
    root = document.value
    assert [document.where(root, key).line for key in ("a", "b")] == [1, 2]
    assert [document.where(root["b"], place).line for place in (0, 1)] == [3, 4]
    assert document.where(root["b"][1], "d").line == 5
    assert str(document.where(root["b"][1])) == "f:4"


def test_merge_keys_give_what_is_not_said() -> None:
    document = parse("base: &b {x: 1, y: 1}\nmore: &m {z: 3, x: 9}\nh: {<<: [*b, *m], y: 2}\n", "f")
    assert document.value["h"] == {"y": 2, "x": 1, "z": 3}
    assert faults("h: {<<: 5}") == ["f.yml:1: `<<` takes a mapping or a list of mappings"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yml:3: the key `a` is there twice (first on line 1)"),
        ("x: {{ y }}\n", "f.yml:1: a key must be a plain value; quote it when it begins with `{` (a template)"),
        ("a: *nope\n", "f.yml:1: `*nope` has no anchor `&nope` before it"),
        ("a: !!python/object:os.system x\n", "the tag `tag:yaml.org,2002:python/object:os.system` is not known here"),
        ("a: !custom {b: c}\n", "f.yml:1: the tag `!custom` is not known here"),
        ("a: 2001-99-99\n", "looks like timestamp, but is none"),
        ("a: 1\n---\nb: 2\n", "f.yml:2: a second YAML document begins here; one file holds one document"),
        ("a: b: c\n", "f.yml:1: this is not YAML: mapping values are not allowed in this context"),
        ("[" * 300, "nested more than 200 levels deep"),
        ("- " * 300, "nested more than 200 levels deep"),
    ],
)
def test_bad_yaml_is_told(text: str, expected: str) -> None:
    assert any(expected in fault for fault in faults(text))


def test_aliases_that_multiply_are_bounded() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n"
    for before, name in zip("abcdefgh", "bcdefghi"):
        bomb += f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n"
    assert "more than 1000000 values" in faults(bomb)[0]


def test_json_with_tabs_is_read_as_json() -> None:
    assert parse('{"a":\t[1,\t2]}', "f").value == {"a": [1, 2]}
    assert parse('{\n\t"a": true\n}', "f").value == {"a": True}


def test_the_nearest_word_is_named_only_when_it_is_near() -> None:
    assert nearest("whne", ["when", "name"]) == "when"
    assert nearest("zzz", ["when", "name"]) == ""
