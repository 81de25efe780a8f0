"""Templates and conditions give what ansible-core gives: the same value of the same type, or an error as well."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from provision.errors import ProvisionError
from provision.playbook.templating import Templar
from tests.unit.playbook.conftest import REFUSED

VARIABLES: dict[str, Any] = {
    "one": 1,
    "half": 0.5,
    "yes": True,
    "no": False,
    "null": None,
    "empty": "",
    "word": "word",
    "number_text": "42",
    "list_text": "[1, 2]",
    "dict_text": "{'a': 1}",
    "json_text": '{"a": true, "b": null}',
    "words": ["b", "a", "b"],
    "numbers": [3, 1, 2],
    "mixed": [1, "1", None, {"a": [1]}],
    "nested": [1, [2, [3, [4]]], None],
    "pair": {"key": "k", "value": 2},
    "deep": {"a": {"b": {"c": "bottom"}}, "list": [{"x": 1}, {"x": 2}]},
    "other": {"a": {"b": {"d": 1}}, "list": [3]},
    "people": [
        {"name": "ann", "age": 30, "keys": ["k1", "k2"]},
        {"name": "bob", "age": 20, "keys": []},
        {"name": "cyd", "age": 30, "keys": ["k3"]},
    ],
    "reference": "{{ one }}",
    "reference_list": ["{{ one }}", "{{ word }}"],
    "reference_dict": {"x": "{{ numbers }}", "y": "{{ reference }}"},
    "two_steps": "{{ reference_dict }}",
    "broken": "{{ not_there }}",
    "broken_list": ["{{ not_there }}"],
    "circle_a": "{{ circle_b }}",
    "circle_b": "{{ circle_a }}",
    "truth_text": "{{ yes }}",
    "newline": "line\n",
    "braces": "{{ '{{' }}",
    "date": datetime.date(2024, 2, 3),
    "result": {"changed": True, "failed": False, "rc": 0, "stdout": "out", "results": [{"changed": False}]},
    "failure": {"failed": True, "msg": "no"},
    "skipping": {"skipped": True, "changed": False},
    "started_job": {"started": 1, "finished": 0, "ansible_job_id": "1.2"},
    "looped": {"results": [{"changed": False}, {"changed": True}]},
    "timed": {"timedout": {"period": 30}},
    "path": "/etc/app/conf.d/site.conf",
    "url": "https://user:pw@example.org:8443/a/b?c=d#e",
    "backslash": "a\\b",
    "multi": "first\nsecond\nthird",
    "unicode": "grüße",
}

TEMPLATES = """
plain text
{{ one }}
{{ one }}{{ one }}
{{ one + 1 }}
{{ one + half }}
{{ half }}
x{{ one }}
{{ yes }}
{{ not yes }}
{{ yes }}<space>
{{ yes and no }}
{{ null }}
a{{ null }}b
{{ null | default('d') }}
{{ null | default('d', true) }}
{{ empty }}
{{ empty | default('d', true) }}
{{ word }}
{{ number_text }}
{{ number_text | int }}
{{ number_text | int + 1 }}
{{ number_text | float }}
{{ list_text }}
{{ dict_text }}
{{ json_text }}
{{ json_text | from_json }}
{{ words }}
{{ words }}<space>
{{ words | length }}
{{ words | first }}
{{ words | last }}
{{ words | join(',') }}
{{ words | sort }}
{{ words | unique }}
{{ words | reverse | list }}
{{ words | reverse }}
{{ words[0] }}
{{ words[5] }}
{{ words[5] | default('none') }}
{{ numbers | max }}
{{ numbers | min }}
{{ numbers | sum }}
{{ numbers | map('string') }}
{{ numbers | map('string') | list }}
{{ numbers | select('gt', 1) }}
{{ numbers | reject('odd') | list }}
{{ numbers | batch(2) | list }}
{{ numbers | slice(2) | list }}
{{ mixed }}
{{ nested | flatten }}
{{ nested | flatten(levels=1) }}
{{ nested | flatten(skip_nulls=False) }}
{{ pair }}
{{ pair.key }}
{{ pair['value'] }}
{{ pair.items() }}
{{ pair.items() | list }}
{{ pair.keys() }}
{{ pair.missing }}
{{ pair.missing.more | default('d') }}
{{ pair | dict2items }}
{{ pair | dict2items(key_name='k', value_name='v') }}
{{ [{'key': 'a', 'value': 1}] | items2dict }}
{{ [{'k': 'a', 'v': 1}] | items2dict(key_name='k', value_name='v') }}
{{ [{'key': 'a'}] | items2dict }}
{{ deep.a.b.c }}
{{ deep['a'] }}
{{ deep.a.b.x.y.z }}
{{ deep | combine(other) }}
{{ deep | combine(other, recursive=True) }}
{{ deep | combine(other, recursive=True, list_merge='append') }}
{{ deep | combine(other, list_merge='prepend') }}
{{ [deep, other] | combine(recursive=True, list_merge='append_rp') }}
{{ {} | combine }}
{{ [] | combine }}
{{ pair | combine({'key': 'other'}, {'new': 1}) }}
{{ word | combine(pair) }}
{{ people | map(attribute='name') }}
{{ people | map(attribute='name') | join(' ') }}
{{ people | selectattr('age', 'equalto', 30) | map(attribute='name') | list }}
{{ people | selectattr('keys') | list | length }}
{{ people | rejectattr('age', 'gt', 25) | list }}
{{ people | groupby('age') | map('first') | list }}
{{ people | sum(attribute='age') }}
{{ people | sort(attribute='age,name') | map(attribute='name') | list }}
{{ people | subelements('keys') }}
{{ people | subelements('none', skip_missing=True) }}
{{ people | subelements('none') }}
{{ people | rekey_on_member('name') }}
{{ people | rekey_on_member('age') }}
{{ people | rekey_on_member('age', duplicates='overwrite') }}
{{ people | map('extract', {'x': 1}) | list }}
{{ ['x', 'y'] | map('extract', {'x': 1, 'y': 2}) | list }}
{{ 'a' | extract(deep, ['b', 'c']) }}
{{ reference }}
{{ reference_list }}
{{ reference_dict }}
{{ reference_dict.x }}
{{ reference_dict.x[0] }}
{{ two_steps }}
{{ two_steps.y }}
{{ broken }}
{{ broken | default('d') }}
{{ broken is defined }}
{{ broken_list | default('d') }}
{{ broken_list is defined }}
{{ not_there }}
{{ not_there | default(1) }}
{{ not_there | default(omit) }}
{{ not_there.a.b | default([]) }}
{{ not_there | default(not_there_either) }}
{{ not_there is undefined }}
{{ not_there + 1 }}
{{ 'x' ~ not_there }}
{{ [not_there] }}
{{ {'a': not_there} }}
{{ not_there | mandatory }}
{{ one | mandatory }}
{{ circle_a }}
{{ truth_text }}
{{ newline }}
{{ newline }}x
{{ braces }}
{{ date }}
{{ [date] }}
{{ date.year }}
{{ 'yes' | bool }}
{{ 'off' | bool }}
{{ 'maybe' | bool }}
{{ 1 | bool }}
{{ 2 | bool }}
{{ null | bool }}
{{ 'True' }}
{{ 'true' }}
{{ '1' }}
{{ 'None' }}
{{ none }}
{{ true }}
{{ [true, none, 1.5, 'x'] }}
{{ (1, 2) }}
{{ [(1, 2)] }}
{{ {'a': (1, 2)} }}
{{ range(3) }}
{{ range(3) | list }}
{{ 'x' if yes else 'y' }}
{{ 'x' if no }}
{{ 'x' if no else none }}
{{ yes | ternary('a', 'b') }}
{{ no | ternary('a', 'b') }}
{{ null | ternary('a', 'b', 'c') }}
{{ null | ternary('a', 'b') }}
{% if yes %}a{% else %}b{% endif %}
{% for w in words %}{{ w }}{% if not loop.last %},{% endif %}{% endfor %}
{% for k, v in pair.items() %}{{ k }}={{ v }};{% endfor %}
{% set x = 3 %}{{ x }}
{% set x = [1] %}{{ x }}
{% set ns = namespace(n=0) %}{% for n in numbers %}{% set ns.n = ns.n + n %}{% endfor %}{{ ns.n }}
{% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(1) }}{{ m('x') }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m([1]) }}
{# comment #}x
{# comment #}
{% raw %}{{ x }}{% endraw %}
[{% for n in numbers %}{{ n }},{% endfor %}]
{"a": {{ one }}}
{ "a": {{ yes | to_json }} }
[{{ one }}, {{ word }}]
['{{ word }}']
{{ words | to_json }}
{{ deep | to_json }}
{{ deep | to_nice_json }}
{{ deep | to_nice_json(indent=2) }}
{{ deep | to_yaml }}
{{ deep | to_nice_yaml }}
{{ deep | to_nice_yaml(indent=2) }}
{{ people | to_nice_yaml }}
{{ people | to_yaml(width=20) }}
{{ unicode | to_json }}
{{ unicode | to_yaml }}
{{ [unicode, none, true, '1', 'yes', '{{'] | to_nice_yaml }}
{{ multi | to_nice_yaml }}
{{ 'a: [1, 2]' | from_yaml }}
{{ '- 1' | from_yaml }}
{{ '{"a": 1, "b": [true]}' | from_yaml }}
{{ 'a: 1\\na: 2' | from_yaml }}
{{ '[' | from_json }}
{{ word | string }}
{{ list_text | string }}
{{ one | string }}
{{ word | b64encode }}
{{ unicode | b64encode }}
{{ 'd29yZA==' | b64decode }}
{{ unicode | b64encode | b64decode }}
{{ unicode | b64encode(encoding='utf-16-le') }}
{{ path | basename }}
{{ path | dirname }}
{{ path | splitext }}
{{ path | splitext | first }}
{{ path | relpath('/etc') }}
{{ '/a/../b/./c' | normpath }}
{{ '/a/../b' | realpath }}
{{ '~root/x' | expanduser }}
{{ '$NOT_SET_X/x' | expandvars }}
{{ ['/a', 'b', 'c'] | path_join }}
{{ 'one' | path_join }}
{{ ['/a/b', '/a/c'] | commonpath }}
{{ 'c:\\\\x\\\\y.txt' | win_basename }}
{{ 'c:\\\\x\\\\y.txt' | win_dirname }}
{{ 'c:\\\\x\\\\y.txt' | win_splitdrive }}
{{ url | urlsplit }}
{{ url | urlsplit('hostname') }}
{{ url | urlsplit('port') }}
{{ url | urlsplit('nope') }}
{{ 'a%20b+c' | urldecode }}
{{ 'a b/c' | urlencode }}
{{ {'a': 'x y', 'b': 2} | urlencode }}
{{ 'it''s' | quote }}
{{ 'a b' | quote }}
{{ null | quote }}
{{ word | hash('sha1') }}
{{ word | hash('sha256') }}
{{ word | hash('nope') }}
{{ word | md5 }}
{{ word | sha1 }}
{{ word | checksum }}
{{ word | to_uuid }}
{{ word | to_uuid('a4d1a3c1-1f6c-4b1c-9d1a-1c1a1b1c1d1e') }}
{{ 'abc123' | regex_search('[0-9]+') }}
{{ 'abc' | regex_search('[0-9]+') }}
{{ 'abc123' | regex_search('([a-z]+)([0-9]+)', '\\\\1', '\\\\2') }}
{{ 'abc123' | regex_search('(?P<l>[a-z]+)', '\\\\g<l>') }}
{{ 'ABC' | regex_search('b', ignorecase=True) }}
{{ 'a1b22' | regex_findall('[0-9]+') }}
{{ multi | regex_findall('^.', multiline=True) }}
{{ 'aaa' | regex_replace('a', 'b', count=2) }}
{{ 'aaa' | regex_replace('a', 'b', mandatory_count=2) }}
{{ 'foo_bar' | regex_replace('^(.*)_(.*)$', '\\\\2_\\\\1') }}
{{ 'ABC' | regex_replace('b', 'x', ignorecase=True) }}
{{ 'a.b*c' | regex_escape }}
{{ 'a.b*c' | regex_escape('posix_basic') }}
{{ 'a.b*c' | regex_escape('posix_extended') }}
{{ one | regex_replace('1', '2') }}
{{ words | union(['c']) | sort }}
{{ words | intersect(['b']) }}
{{ words | difference(['b']) }}
{{ words | symmetric_difference(['b', 'z']) | sort }}
{{ [{'a': 1}] | union([{'a': 1}, {'b': 2}]) }}
{{ [{'a': 1}, {'b': 2}] | intersect([{'b': 2}]) }}
{{ [{'a': 1}, {'b': 2}] | difference([{'b': 2}]) }}
{{ [{'a': 1}, {'b': 2}] | symmetric_difference([{'b': 2}]) }}
{{ [{'a': 1}, {'a': 1}] | unique }}
{{ ['a', 'A'] | unique }}
{{ ['a', 'A'] | unique(case_sensitive=false) }}
{{ people | unique(attribute='age') | map(attribute='name') | list }}
{{ [1, 2] | zip(['a', 'b', 'c']) }}
{{ [1, 2] | zip(['a', 'b', 'c']) | list }}
{{ [1, 2] | zip_longest(['a', 'b', 'c'], fillvalue='-') | list }}
{{ [1, 2] | product(['a', 'b']) | list }}
{{ [1, 2, 3] | permutations(2) | list }}
{{ [1, 2, 3] | combinations(2) | list }}
{{ 8 | log(2) }}
{{ 100 | log(10) }}
{{ 'x' | log }}
{{ 2 | pow(3) }}
{{ 9 | root }}
{{ 27 | root(3) }}
{{ 1536 | human_readable }}
{{ 1536 | human_readable(isbits=True) }}
{{ 10485760 | human_readable(unit='K') }}
{{ 3 | human_readable }}
{{ 3 | human_readable(True) }}
{{ '1.5K' | human_to_bytes }}
{{ '10MB' | human_to_bytes }}
{{ '10Mb' | human_to_bytes(isbits=True) }}
{{ '10Mb' | human_to_bytes }}
{{ '10' | human_to_bytes(default_unit='M') }}
{{ '10 megabyte' | human_to_bytes }}
{{ '12 parsec' | human_to_bytes }}
{{ 5 | random(seed='x') }}
{{ 100 | random(start=10, step=10, seed=3) }}
{{ words | random(seed='x') }}
{{ [1, 2, 3, 4] | shuffle(seed='x') }}
{{ '%Y-%m-%d' | strftime(0, utc=True) }}
{{ '%H' | strftime('x') }}
{{ ('2024-01-02 03:04:05' | to_datetime).year }}
{{ (('2024-01-02' | to_datetime('%Y-%m-%d')) - ('2024-01-01' | to_datetime('%Y-%m-%d'))).days }}
{{ multi | comment }}
{{ multi | comment('c') }}
{{ multi | comment('cblock') }}
{{ multi | comment('xml') }}
{{ multi | comment('erlang') }}
{{ multi | comment('plain', prefix='# start', postfix='# end\\n', decoration='#! ') }}
{{ multi | comment('plain', prefix='\\n', prefix_count=2) }}
{{ 'a,b' | split(',') }}
{{ 'a b' | split }}
{{ 'a,b' | split(',') | type_debug }}
{{ one | type_debug }}
{{ word | type_debug }}
{{ pair | type_debug }}
{{ word | upper }}
{{ word | capitalize }}
{{ 'a b' | title }}
{{ '  x ' | trim }}
{{ 'x' | center(5) }}
{{ 'abc' | replace('b', 'x') }}
{{ '%s-%s' | format('a', 1) }}
{{ 'a\\nb' | indent(2) }}
{{ '<b>' | escape }}
{{ 3.7 | round }}
{{ 3.7 | round | int }}
{{ 7 // 2 }}
{{ 7 / 2 }}
{{ 7 % 4 }}
{{ 2 ** 10 }}
{{ -1 | abs }}
{{ 'a' ~ 1 ~ none }}
{{ 'a' in words }}
{{ 1 in [1] and not 2 in [1] }}
{{ 1 == 1.0 }}
{{ '1' == 1 }}
{{ 1 < 2 < 3 }}
{{ result.stdout_lines | default([]) }}
{{ result is changed }}
{{ looped is changed }}
{{ failure is failed }}
{{ failure is success }}
{{ skipping is skipped }}
{{ word is failed }}
{{ started_job is started }}
{{ started_job is finished }}
{{ timed is timedout }}
{{ result is timedout }}
{{ result is reachable }}
{{ result is unreachable }}
{{ 'abc' is match('a') }}
{{ 'abc' is match('b') }}
{{ 'abc' is search('b') }}
{{ 'ABC' is search('b', ignorecase=true) }}
{{ 'abc' is regex('^abc$') }}
{{ '1.10' is version('1.9', '>') }}
{{ '1.10' is version('1.9', 'gt', strict=True) }}
{{ '1.2.3-rc1' is version('1.2.3', '<', version_type='semver') }}
{{ '1.2.3' is version('1.2.3+build', '==', version_type='semver') }}
{{ '1.2.3-alpha.1' is version('1.2.3-alpha.beta', '<', version_type='semantic') }}
{{ '1.2rc1' is version('1.2', '<', version_type='pep440') }}
{{ '1.2.b3' is version('1.2', '>=') }}
{{ '12.04' is version_compare('12.04', 'eq') }}
{{ '' is version('1', '>') }}
{{ '1' is version('1', 'nope') }}
{{ '1.a' is version('1.1', '<') }}
{{ [1] is subset([1, 2]) }}
{{ [1, 2] is superset([1]) }}
{{ [1, 2] is contains(2) }}
{{ [true, false] is any }}
{{ [true, false] is all }}
{{ 'false' is truthy }}
{{ 'false' is truthy(convert_bool=True) }}
{{ 'yes' is falsy(convert_bool=True) }}
{{ '' is falsy }}
{{ '/etc' is directory }}
{{ '/etc/passwd' is file }}
{{ '/etc/passwd' is link }}
{{ '/nope' is exists }}
{{ '/nope' is link_exists }}
{{ '/etc' is abs }}
{{ '/' is mount }}
{{ '/etc' is same_file('/etc/.') }}
{{ url is url }}
{{ 'x' is url }}
{{ 'x:y' is uri }}
{{ 'urn:isbn:1' is urn }}
{{ url is url(schemes=['ftp']) }}
{{ one is nan }}
{{ one is number and word is string and pair is mapping and words is iterable and words is sequence }}
{{ word is vault_encrypted }}
{{ word is ansible.builtin.match('w') }}
{{ word | ansible.builtin.upper | default('x') }}
{{ word | ansible.builtin.b64encode }}
{{ lookup('env', 'NOT_SET_X') }}
{{ lookup('env', 'NOT_SET_X', default='d') }}
{{ lookup('items', [1, [2, 3]]) }}
{{ query('items', [1, [2, 3]]) }}
{{ lookup('items', 'a', 'b') }}
{{ lookup('list', 'a', 'b') }}
{{ q('dict', pair) }}
{{ lookup('dict', pair) }}
{{ q('nested', [1, 2], ['a']) }}
{{ q('together', [1, 2], ['a']) }}
{{ q('indexed_items', ['a', 'b']) }}
{{ q('sequence', 'start=1 end=3') }}
{{ q('sequence', 'start=0 end=6 stride=2 format=x%02d') }}
{{ q('sequence', 'count=3 start=5') }}
{{ q('sequence', '5-8') }}
{{ q('sequence', '4') }}
{{ q('sequence', '2-10/2') }}
{{ q('sequence', '1-3:h%02d') }}
{{ q('sequence', 'end=0') }}
{{ q('sequence', 'start=5 end=1 stride=-2') }}
{{ q('vars', 'one', 'word') }}
{{ lookup('vars', 'reference') }}
{{ lookup('vars', 'not_there') }}
{{ lookup('vars', 'not_there', default='d') }}
{{ q('varnames', '^circle') | sort }}
{{ q('subelements', people, 'keys') }}
{{ lookup('subelements', people, 'nope') }}
{{ lookup('no_such_lookup', 1) }}
{{ lookup('file', '/no/such/file') }}
{{ lookup('file', '/no/such/file', errors='ignore') }}
{{ query('file', '/no/such/file', errors='ignore') }}
{{ lookup('first_found', ['/no/such', '/etc/passwd']) }}
{{ q('first_found', {'files': ['/no/such'], 'skip': True}) }}
{{ lookup('first_found', {'files': 'no,passwd', 'paths': '/nope:/etc'}) }}
{{ q('first_found', ['/no/such']) }}
{{ undef() }}
{{ undef() | default('d') }}
{{ word.upper() }}
{{ 'a-b'.split('-') }}
{{ words.index('a') }}
{{ word.nope() }}
{{ 1 / 0 }}
{{ word | nope }}
{{ word is nope }}
{{ word
{{ word }
{% if %}
{{ }}
{{ word }} }}
}} {{ word }}
{{ "{{ word }}" }}
{{ 'a' 'b' }}
{{ backslash }}
{{ 'a\\\\b' }}
{{ '\\\\n' | length }}
{{ 'tab\\\\t' }}
{{ deep.list | map(attribute='x') | list }}
{{ deep.list[0].x }}
{{ deep.list | first | dict2items }}
{{ (deep.list | first).x | int + 1 }}
{{ dict([['a', 1]]) }}
{{ dict(words | zip(numbers)) }}
{{ [1, 2, 3][1:] }}
{{ 'word'[::-1] }}
{{ {'a': 1}.get('b', 'd') }}
{{ words | list | count }}
{{ [[1, 2], [3]] | sum(start=[]) }}
{{ '00042' | int }}
{{ 'x' | int(default=7) }}
{{ 'ff' | int(base=16) }}
{{ '{{ one }}' }}
{{ word }}{{ null }}{{ yes }}
{{ yes }}{{ empty }}
{{ words }}{{ empty }}
{{ '[' }}{{ one }}]
{{ 1e3 }}
{{ 1_000 }}
{{ [1.0, 1e400] }}
{{ hostvars | default('nothing') }}
{{ vars | default('nothing') | type_debug != 'str' }}
""".strip("\n").split("\n")

CONDITIONS = """
yes
no
one == 1
one == '1'
word
empty
null
not empty
words
'a' in words
'a' in not_there
broken is defined
broken
result is changed
result is failed or failure is failed
result.rc == 0
result.rc != 0
result.nope is defined
not_there
not_there is defined
not_there is defined and not_there.x
not_there.x.y is undefined
not_there | default(false)
truth_text
truth_text | bool
reference == 1
reference | int == 1
'1.10' is version('1.9', '>')
{{ yes }}
{{ one == 1 }}
{{ word }} == 'word'
"{{ word }}" == 'word'
'{{ word }}' == 'word'
'x' if yes else ''
numbers | length > 2
numbers | select('gt', 2) | list
(people | selectattr('name', 'equalto', 'ann') | list)[0].age == 30
path is match('/etc/.*\\.conf$')
'a.b' is match('a\\.b')
one ==
== one
one) or (yes
word | nope
True
False
1
0
''
none
circle_a
deep.a.b.c == "bottom" and one < 2
one < 'a'
""".strip("\n").split("\n")


def render(template: Any, variables: Mapping[str, Any] = VARIABLES) -> Any:
    try:
        return Templar({**variables, "omit": "__omit__"}).render(template)
    except ProvisionError:
        return REFUSED


def same(ours: Any, theirs: Any) -> bool:
    """Equal, and of equal types all the way down."""
    if type(ours) is not type(theirs) or ours != theirs:
        return False
    if isinstance(ours, dict):
        return list(ours) == list(theirs) and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, (list, tuple)):
        return all(map(same, ours, theirs))
    return True


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_renders_as_in_ansible(template: str, ansible_renders: Callable[..., Any]) -> None:
    template = template.replace("<space>", " ")
    template = template.replace("\\n", "\n") if "\\\\n" not in template else template
    theirs = ansible_renders(template, {**VARIABLES, "omit": "__omit__"})
    ours = render(template)
    assert same(ours, theirs), f"ours {ours!r}, theirs {theirs!r}"


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_holds_as_in_ansible(condition: str, ansible_holds: Callable[..., Any]) -> None:
    try:
        ours: Any = Templar(VARIABLES).condition(condition)
    except ProvisionError:
        ours = REFUSED
    assert ours == ansible_holds(condition, VARIABLES)
