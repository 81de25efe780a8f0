"""Filters and tests give what Ansible's documentation promises, and say what is wrong with what they cannot take."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from provision.playbook.environments import value_environment
from provision.playbook.filters import REFUSED, own_filters
from provision.playbook.proving import TESTS
from provision.playbook.templating import Templar, TemplateProblem, UndefinedVariable

VARIABLES: Mapping[str, Any] = {
    "users": [
        {"name": "alice", "groups": ["wheel", "dev"], "ssh": {"keys": ["k1"]}},
        {"name": "bob", "groups": [], "ssh": {"keys": ["k2", "k3"]}},
    ],
    "by_name": {"alice": {"uid": 1, "groups": ["x"]}, "bob": {"uid": 2, "groups": ["y"]}},
    "base": {"a": {"x": 1, "l": [1, 2]}, "b": 1},
    "patch": {"a": {"y": 2, "l": [2, 3]}, "c": 3},
    "when": datetime.datetime(2024, 5, 6, 7, 8, 9),
    "data": b"bytes",
    "n": 5,
    "word": "word",
}


def render(template: str) -> Any:
    return Templar(VARIABLES).render(template)


def problem(template: str) -> str:
    with pytest.raises(TemplateProblem) as raised:
        render(template)
    return raised.value.what


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        # -- mappings and lists
        ("{{ base | combine(patch) }}", {"a": {"y": 2, "l": [2, 3]}, "b": 1, "c": 3}),
        ("{{ base | combine(patch, recursive=true) }}", {"a": {"x": 1, "l": [2, 3], "y": 2}, "b": 1, "c": 3}),
        ("{{ (base | combine(patch, recursive=true, list_merge='keep')).a.l }}", [1, 2]),
        ("{{ (base | combine(patch, recursive=true, list_merge='append')).a.l }}", [1, 2, 2, 3]),
        ("{{ (base | combine(patch, recursive=true, list_merge='prepend')).a.l }}", [2, 3, 1, 2]),
        ("{{ (base | combine(patch, recursive=true, list_merge='append_rp')).a.l }}", [1, 2, 3]),
        ("{{ (base | combine(patch, recursive=true, list_merge='prepend_rp')).a.l }}", [2, 3, 1]),
        ("{{ [base, patch, {'b': 9}] | combine }}", {"a": {"y": 2, "l": [2, 3]}, "b": 9, "c": 3}),
        ("{{ [3, [4, 2], [5, [6]]] | flatten }}", [3, 4, 2, 5, 6]),
        ("{{ [3, [4, 2], [5, [6]]] | flatten(levels=1) }}", [3, 4, 2, 5, [6]]),
        ("{{ [3, none, [none]] | flatten }}", [3]),
        ("{{ [3, none, [none]] | flatten(skip_nulls=false) }}", [3, None, None]),
        ("{{ by_name | dict2items | map(attribute='value.uid') }}", [1, 2]),
        ("{{ [['k', 1]] | map('zip', ['key', 'value']) | list | length }}", "1"),
        ("{{ users | items2dict(key_name='name', value_name='groups') }}", {"alice": ["wheel", "dev"], "bob": []}),
        ("{{ [2, 0] | map('extract', ['x', 'y', 'z']) }}", ["z", "x"]),
        ("{{ 'alice' | extract(by_name, 'uid') }}", "1"),
        ("{{ 'alice' | extract(by_name, ['groups', 0]) }}", "x"),
        ("{{ users | subelements('groups') | map('last') }}", ["wheel", "dev"]),
        ("{{ users | subelements('ssh.keys') | map('last') }}", ["k1", "k2", "k3"]),
        ("{{ users | subelements(['ssh', 'keys']) | length }}", "3"),
        ("{{ by_name | subelements('groups') | map('last') }}", ["x", "y"]),
        ("{{ users | subelements('nope', skip_missing=true) }}", []),
        ("{{ (users | rekey_on_member('name')).bob.groups }}", []),
        ("{{ by_name | rekey_on_member('uid') }}", {1: {"uid": 1, "groups": ["x"]}, 2: {"uid": 2, "groups": ["y"]}}),
        ("{{ 10 | random(seed='a') == 10 | random(seed='a') }}", True),
        ("{{ 10 | random(9, 1) }}", "9"),
        ("{{ [7] | random }}", "7"),
        ("{{ [1, 2, 3] | shuffle(seed=1) | sort }}", [1, 2, 3]),
        ("{{ 5 | shuffle }}", "5"),
        # -- sets
        ("{{ [1, 2, 2] | union([3]) | sort }}", [1, 2, 3]),
        ("{{ [1, 2] | intersect([2, 3]) }}", [2]),
        ("{{ [1, 2] | difference([2, 3]) }}", [1]),
        ("{{ [1, 2] | symmetric_difference([2, 3]) | sort }}", [1, 3]),
        ("{{ [[1], [1], [2]] | unique }}", [[1], [2]]),
        # -- text
        ("{{ 'on' | bool }} ", "True "),
        ("{{ 'foobar' | regex_search('(foo)(bar)', '\\2', '\\1') }}", ["bar", "foo"]),
        ("{{ 'ansible' | regex_replace('^a.*i(.*)$', 'a\\1') }}", "able"),
        (
            "{{ 'localhost:80' | regex_replace('^(?P<host>.+):(?P<port>\\d+)$', '\\g<host>, \\g<port>') }}",
            "localhost, 80",
        ),
        ("{{ 'a\nb' | regex_replace('^', '#', multiline=true) }}", "#a\n#b"),
        ("{{ 'x.y' | regex_escape }}", "x\\.y"),
        ("{{ 'a b' | quote }}", "'a b'"),
        ("{{ true | ternary('yes', 'no') }}", "yes"),
        ("{{ 'one' | comment }}", "#\n# one\n#"),
        ("{{ 'one' | comment('xml') }}", "<!--\n -\n - one\n -\n-->"),
        ("{{ '%Y' | strftime(86400 * 365, true) }}", "1971"),
        ("{{ '%H:%M' | strftime | length }}", "5"),
        ("{{ when | string }}", "2024-05-06 07:08:09"),
        ("{{ 'x' | to_uuid | length }}", "36"),
        (
            "{{ 'x' | to_uuid(namespace='11111111-2222-3333-4444-555555555555') }}",
            "ae643dff-6199-5c7f-b5fe-bf3250d1d468",
        ),
        ("{{ 'http://u:p@h:1/p?q#f' | urlsplit('username') }}", "u"),
        ("{{ 'a;b' | split(';') | last }}", "b"),
        # -- numbers
        ("{{ 1024 | log(2) }}", "10.0"),
        ("{{ 2 | pow(8) }}", "256.0"),
        ("{{ 8 | root(3) }}", "2.0"),
        ("{{ 1 | human_readable }}", "1.00 Bytes"),
        ("{{ 10 | human_readable(isbits=true) }}", "10.00 bits"),
        ("{{ 2097152 | human_readable }}", "2.00 MB"),
        ("{{ 2097152 | human_readable(unit='k') }}", "2048.00 KB"),
        ("{{ '0' | human_to_bytes }}", "0"),
        ("{{ '2.5 G' | human_to_bytes }}", "2684354560"),
        ("{{ '3 kilobyte' | human_to_bytes }}", "3072"),
        ("{{ '1b' | human_to_bytes(isbits=true) }}", "1"),
        # -- formats
        ("{{ {'b': 1, 'a': none} | to_json }}", '{"b": 1, "a": null}'),
        ("{{ {'b': 1, 'a': 2} | to_nice_json(sort_keys=false, indent=1) }}", '{\n "b": 1,\n "a": 2\n}'),
        ("{{ {'t': when} | to_json }}", '{"t": "2024-05-06T07:08:09"}'),
        ("{{ {'d': data} | to_json }}", '{"d": "bytes"}'),
        ("{{ {'a': [1, {'b': 2}]} | to_nice_yaml(indent=2) }}", "a:\n- 1\n- b: 2\n"),
        ("{{ 'a: 1' | from_yaml }}", {"a": 1}),
        ("{{ 5 | from_yaml }}", "5"),
        ("{{ '- 1\n---\n- 2' | from_yaml_all }}", [[1], [2]]),
        ("{{ 5 | from_yaml_all }}", "5"),
        ("{{ 'ü' | b64encode }}", "w7w="),
        ("{{ 'w7w=' | b64decode }}", "ü"),
        # -- paths
        ("{{ '/a/b.c' | basename }}", "b.c"),
        ("{{ '/a/b.c' | splitext }}", "('/a/b', '.c')"),
        ("{{ '/a/b/c' | relpath('/a') }}", "b/c"),
        ("{{ ('/etc', 'x') | path_join }}", "/etc/x"),
        # -- digests
        ("{{ 'x' | hash('md5') }}", "9dd4e461268c8034f5c8564e155c67a6"),
        ("{{ 'x' | hash }}", "11f6ad8ec52a2984abaafd7c3b516503785c2072"),
        ("{{ 'x' | checksum == 'x' | sha1 }}", True),
        # -- names
        ("{{ [1, [2]] | ansible.builtin.flatten }}", [1, 2]),
        ("{{ word | mandatory }}", "word"),
    ],
)
def test_a_filter_gives(template: str, expected: Any) -> None:
    assert render(template) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ base | combine(patch, list_merge='glue') }}", "`list_merge` is one of replace, keep, append"),
        ("{{ base | combine(5) }}", "combine takes mappings, not int"),
        ("{{ n | dict2items }}", "dict2items takes a mapping, not int"),
        ("{{ n | items2dict }}", "items2dict takes a list, not int"),
        ("{{ [{'a': 1}] | items2dict }}", "items2dict needs `key` and `value` in every element"),
        ("{{ n | subelements('x') }}", "subelements takes a list of mappings or a mapping of mappings"),
        ("{{ [5] | subelements('x') }}", "`x` should point to a mapping, got 5"),
        ("{{ users | subelements('nope') }}", "there is no `nope` in"),
        ("{{ users | subelements('name') }}", "`name` should point to a list, got 'alice'"),
        ("{{ users | rekey_on_member('nope') }}", "there is no `nope` in"),
        ("{{ [5] | rekey_on_member('x') }}", "rekey_on_member takes mappings"),
        ("{{ [{'a': 1}, {'a': 1}] | rekey_on_member('a') }}", "`1` is there twice"),
        ("{{ users | rekey_on_member('name', duplicates='x') }}", "`duplicates` is error or overwrite, not `x`"),
        ("{{ none | random }}", "random takes a number or a list"),
        ("{{ [1] | random(start=1) }}", "start and step of random go with a number"),
        ("{{ 'x' | regex_search('x', 'bad') }}", "`bad` is not a group of a regular expression"),
        ("{{ 'aa' | regex_replace('a', 'b', mandatory_count=1) }}", "`a` should match 1 times, but matches 2 times"),
        ("{{ 'x' | regex_escape('posix_extended') }}", "`posix_extended` is not a kind of regular expression"),
        ("{{ 'x' | regex_search('(') }}", "missing ), unterminated subpattern"),
        ("{{ 'x' | comment('perl') }}", "`perl` is not a style of comments; there are plain, erlang"),
        ("{{ nope | mandatory }}", "Mandatory variable 'nope' not defined."),
        ("{{ nope | mandatory(msg='say x') }}", "say x"),
        ("{{ 'x' | to_datetime }}", "does not match format"),
        ("{{ '%Y' | strftime('soon') }}", "could not convert string to float"),
        ("{{ 'x' | to_uuid('nope') }}", "badly formed hexadecimal UUID string"),
        ("{{ 'http://h' | urlsplit('color') }}", "`color` is not a part of an address; there are fragment, hostname"),
        ("{{ 'lots' | human_to_bytes }}", "`lots` is not a size"),
        ("{{ '5 Q' | human_to_bytes }}", "`5 Q` has no known unit; there are B, K, M"),
        ("{{ '5 Mx' | human_to_bytes }}", "`5 Mx` is not a size in bytes"),
        ("{{ '5 MB' | human_to_bytes(isbits=true) }}", "`5 MB` is not a size in bits"),
        ("{{ [users, nope] | to_json }}", "'nope' is undefined"),
        ("{{ {'a': nope} | to_nice_yaml }}", "'nope' is undefined"),
        ("{{ [namespace()] | to_json }}", "has no form in JSON"),
        ("{{ '{' | from_json }}", "Expecting property name"),
        ("{{ 'a: [' | from_yaml }}", "this is not YAML"),
        ("{{ 'x' | b64decode }}", "Invalid base64-encoded string"),
        ("{{ 'x' | password_hash('bcrypt', 'short') }}", "a salt of bcrypt has 22 of the characters"),
        ("{{ '/a' | commonpath }}", "commonpath takes a list of paths"),
        ("{{ 'x' | hash('rot13') }}", "unsupported hash type rot13"),
        ("{{ 'x' | password_hash('md5') }}", "password_hash knows sha512, sha256 and blowfish here, not `md5`"),
        ("{{ 'x' | frist }}", "No filter named 'frist'"),
        ("{{ [1] | unique(attribute='x.y', case_sensitive=false) | nope }}", "No filter named 'nope'"),
    ],
)
def test_a_filter_says_what_is_wrong(template: str, expected: str) -> None:
    assert expected in problem(template)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_filters_that_are_not_done_are_refused_by_name(name: str) -> None:
    assert f"the filter `{name}` is known to Ansible, not done by provision" in problem("{{ word | " + name + " }}")


def test_every_filter_and_test_of_ansible_builtin_is_there_or_refused_by_name(ansible: Any) -> None:
    from ansible.plugins.loader import filter_loader, test_loader

    def names(loader: Any) -> set[str]:
        return {plugin._load_name.rpartition(".")[2] for plugin in loader.all()}

    environment = value_environment()
    assert names(filter_loader) - set(environment.filters) == set()
    assert names(test_loader) - set(environment.tests) == set()
    assert {f"ansible.builtin.{name}" for name in own_filters()} <= set(environment.filters)
    assert {"match", "ansible.builtin.match"} <= set(TESTS)


def test_every_lookup_of_ansible_builtin_is_there_or_refused_by_name(ansible: Any) -> None:
    from ansible.plugins.loader import lookup_loader

    from provision.playbook.lookups import LOOKUPS
    from provision.playbook.lookups import REFUSED as REFUSED_LOOKUPS

    known = {Path(path).stem for path in lookup_loader.all(path_only=True)}
    assert known - set(LOOKUPS) - set(REFUSED_LOOKUPS) == set()


def test_bcrypt_hashes_verify() -> None:
    import bcrypt

    hashed = render("{{ 'secret' | password_hash('blowfish', rounds=4) }}")
    assert hashed.startswith("$2b$04$")
    assert bcrypt.checkpw(b"secret", hashed.encode())
    salted = "{{ 'secret' | password_hash('bcrypt', '0123456789012345678901', rounds=4, ident='2y') }}"
    assert render(salted) == render(salted)
    assert render(salted).startswith("$2y$04$")


# -- tests -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("{'changed': true} is changed", True),
        ("{'results': [{'changed': false}, {'changed': true}]} is changed", True),
        ("{'results': []} is changed", False),
        ("{} is changed", False),
        ("{'failed': true} is failed and {} is not failed", True),
        ("{} is success and {'failed': true} is not successful", True),
        ("{'skipped': true} is skip", True),
        ("{'unreachable': true} is unreachable and {} is reachable", True),
        ("{'started': 1} is started and {'finished': 0} is not finished", True),
        ("{} is finished and {} is started", True),
        ("{'timedout': {'period': 5}} is timedout and {} is not timedout", True),
        ("'abc' is match('b') or 'abc' is search('c$')", True),
        ("'a\nb' is search('^b$', multiline=true)", True),
        ("'abc' is regex('ab', match_type='fullmatch')", False),
        ("'1.2.3' is version('1.2.10', '<') and '1.2.3' is version('1.2.3', '==')", True),
        ("'1.0' is version('1.0.0', 'eq', strict=true)", True),
        ("'1.0a1' is version('1.0', '<', strict=true)", True),
        ("'1.0.0-rc.1' is version('1.0.0', 'lt', version_type='semver')", True),
        ("'2.0.0' is version('10.0.0', '>=', version_type='semver')", False),
        ("'1.0.dev1' is version('1.0', '<', version_type='pep440')", True),
        ("'22.04' is version('20.04', '>=')", True),
        ("'x' is truthy and '' is falsy and 'no' is falsy(convert_bool=true)", True),
        ("'maybe' is truthy(convert_bool=true)", True),
        ("[1] is subset([1, 2]) and [1, 2] is superset([2])", True),
        ("[1, 2] is contains(2) and 'ab' is contains('a')", True),
        ("'x' is nan", False),
        ("'nan' | float is nan", True),
        ("'ftp://h/x' is url(schemes=['ftp']) and 'ftp://h' is not url(schemes=['http'])", True),
        ("'file:/x' is url and 'x' is not url", True),
        ("5 is uri", True),
        ("'urn:x:y' is urn", True),
        ("word is vault_encrypted", False),
        ("'/' is directory and '/' is mount and '/' is abs and '/' is exists", True),
        ("'/nope' is link or '/nope' is file or '/nope' is link_exists", False),
        ("'/tmp' is same_file('/tmp/')", True),
    ],
)
def test_a_test_holds(condition: str, expected: bool) -> None:
    assert Templar(VARIABLES).condition(condition) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("word is failed", "`is failed` takes the result of a task, not str"),
        ("[] is changed", "`is changed` takes the result of a task, not list"),
        ("'' is version('1', '<')", "a version to compare is empty"),
        ("'1' is version('1', 'like')", "`like` does not compare; there are =="),
        ("'1' is version('1', '<', version_type='roman')", "`version_type` is one of loose, strict, semver"),
        ("'1' is version('1', '<', strict=true, version_type='semver')", "exclude each other"),
        ("'1' is version('1', '<', strict=true)", "invalid version number '1'"),
        ("'1.0' is version('1', '<', version_type='semver')", "invalid semantic version '1.0'"),
        ("'1.a' is version('1.1', '<')", "'<' not supported between instances of"),
        ("'x' is regex('x', match_type='sub')", "`match_type` is search, match or fullmatch, not `sub`"),
        ("'/nope' is same_file('/tmp')", "No such file or directory"),
        ("'/nope' is vaulted_file", "No such file or directory"),
        ("word is nope", "No test named 'nope'"),
    ],
)
def test_a_test_says_what_is_wrong(condition: str, expected: str) -> None:
    with pytest.raises(TemplateProblem) as raised:
        Templar(VARIABLES).condition(condition)
    assert expected in raised.value.what


def test_a_vaulted_file_is_known_by_its_first_line(write: Callable[[str, str], Path]) -> None:
    vaulted, open_ = write("v", "$ANSIBLE_VAULT;1.1;AES256\n61"), write("o", "a: 1\n")
    templar = Templar({"vaulted": str(vaulted), "open": str(open_)})
    assert templar.condition("vaulted is vaulted_file and open is not vaulted_file")


# -- functions ---------------------------------------------------------------------------------------------------------


def test_now_is_a_moment_or_a_text() -> None:
    assert render("{{ now(fmt='%Y') }}") in {str(datetime.datetime.now().year), str(datetime.datetime.now().year + 1)}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+", render("{{ now(utc=true) }}"))
    assert render("{{ now().year > 2000 }}") is True


def test_undef_is_undefined_with_a_reason() -> None:
    assert render("{{ undef() | default('d') }}") == "d"
    with pytest.raises(UndefinedVariable, match="say which"):
        render("{{ undef(hint='say which') }}")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ lookup('list', 'a', 'b') }}", "a,b"),
        ("{{ lookup('items', [1, 2]) }}", [1, 2]),
        ("{{ lookup('items', 'one') }}", "one"),
        ("{{ lookup('items', 'one', wantlist=true) }}", ["one"]),
        ("{{ lookup('ansible.builtin.dict', {'k': 1}) }}", {"key": "k", "value": 1}),
        ("{{ query('flattened', [1, [2, [3]]]) }}", [1, 2, 3]),
        ("{{ query('random_choice', 7) }}", [7]),
        ("{{ query('random_choice') }}", []),
        ("{{ query('sequence', count=3) }}", ["1", "2", "3"]),
        ("{{ query('sequence', 'count=0') }}", []),
        ("{{ query('sequence', 'start=10 end=0 stride=-5') }}", ["10", "5", "0"]),
        ("{{ query('subelements', users, 'groups') | map('last') }}", ["wheel", "dev"]),
        ("{{ (query('subelements', users, 'ssh.keys') | first)[0].ssh }}", {}),
        ("{{ query('subelements', users, 'nope', {'skip_missing': true}) }}", []),
        ("{{ query('subelements', {'skipped': true}, 'x') }}", []),
        ("{{ query('vars', 'nope', 'word', default=0) }}", [0, "word"]),
        ("{{ query('varnames', '^wo', '^n$') }}", ["word", "n"]),
    ],
)
def test_a_lookup_gives(template: str, expected: Any) -> None:
    assert render(template) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ query('dict', 5) }}", "with_dict takes a mapping, not int"),
        ("{{ query('nested') }}", "with_nested needs at least one list"),
        ("{{ query('together') }}", "with_together needs at least one list"),
        ("{{ query('sequence', 'start=1') }}", "sequence needs either `end` or `count`"),
        ("{{ query('sequence', 'end=1 count=1') }}", "sequence needs either `end` or `count`"),
        ("{{ query('sequence', 'end=3 step=1') }}", "sequence does not know `step`; there are start, end"),
        ("{{ query('sequence', 'start=3 end=1') }}", "needs a stride in the other direction"),
        ("{{ query('sequence', 'end=99999999') }}", "a sequence of 99999999 numbers is too long"),
        ("{{ query('sequence', 'end=many') }}", "invalid literal for int()"),
        ("{{ query('first_found', [5]) }}", "first_found takes names of files, not int"),
        ("{{ query('varnames', '(') }}", "unterminated subpattern"),
        ("{{ query('vars', 'nope') }}", "No variable found with this name: nope"),
    ],
)
def test_a_lookup_says_what_is_wrong(template: str, expected: str) -> None:
    assert expected in problem(template)
