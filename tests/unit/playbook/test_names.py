"""Which variables a template reads is found without rendering it, and never too few."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from provision.playbook.scope import Variables
from provision.playbook.templating import Templar

EMPTY = Templar({})


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("plain", set()),
        ("{{ a }}", {"a"}),
        ("{{ a.b['c'][d] }}", {"a", "d"}),
        ("{{ a | default(b) | join(c) }}", {"a", "b", "c"}),
        ("{{ a if b is defined else c }}", {"a", "b", "c"}),
        ("{% for x in xs %}{{ x.y }}{{ z }}{% endfor %}", {"xs", "x", "z"}),
        ("{% if a %}{% set b = c %}{{ b }}{% endif %}", {"a", "b", "c"}),
        ("{% macro m(p) %}{{ p }}{{ q }}{% endmacro %}{{ m(r) }}", {"p", "q", "m", "r"}),
        ({"k": ["{{ a }}", {"n": "{{ b }}"}], "{{ key }}": 1}, {"a", "b"}),
        (["x", 1, None, "{{ a }}"], {"a"}),
        ("{{ broken", set()),
        ("{{ 'a' ~ \"b\" }}", set()),
        ("{{ hostvars[other].port }}", {"hostvars", "other"}),
        ("{{ a is match(b) and not c in d }}", {"a", "b", "c", "d"}),
        ("{{ x | selectattr('a', 'equalto', b) | map('extract', c) }}", {"x", "b", "c"}),
    ],
)
def test_a_template_reads_these(value: object, names: set[str]) -> None:
    assert EMPTY.names(value) == names


@pytest.mark.parametrize(
    "value",
    [
        "{{ vars['a' ~ b] }}",
        "{{ lookup('vars', x) }}",
        "{{ lookup('template', 'x.j2') }}",
        "{{ query('ansible.builtin.varnames', '^a') }}",
        "{{ lookup(kind, 'x') }}",
        "{% include 'x.j2' %}",
        "{% from 'x.j2' import y %}",
        "{% extends 'x.j2' %}",
    ],
)
def test_what_may_read_anything_says_so(value: str) -> None:
    assert "*" in EMPTY.names(value)


def test_a_lookup_of_a_file_does_not_read_everything() -> None:
    assert EMPTY.names("{{ lookup('file', path) }}") == {"lookup", "path"}


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("a.rc == 0 and b is defined", {"a", "b"}),
        (["a", "b or c"], {"a", "b", "c"}),
        (True, set()),
        (None, set()),
        ("a ==", set()),
        ("'x' in a.stdout_lines[i]", {"a", "i"}),
    ],
)
def test_a_condition_reads_these(condition: object, names: set[str]) -> None:
    assert EMPTY.condition_names(condition) == names


def test_a_condition_with_braces_may_turn_into_anything() -> None:
    assert EMPTY.condition_names("{{ a }} == 1") == {"a", "*"}


def test_names_are_followed_through_the_variables_they_name() -> None:
    templar = Templar({"a": "{{ b.x }}", "b": {"x": ["{{ c }}"], "y": "{{ d }}"}, "e": "{{ f }}"})
    assert templar.names_deep("{{ a }}") == {"a", "b", "c", "d"}
    assert templar.follow(frozenset({"e"})) == {"e", "f"}


def test_circles_end() -> None:
    assert Templar({"a": "{{ b }}", "b": "{{ a }}"}).names_deep("{{ a }}") == {"a", "b"}


def test_final_values_are_not_followed() -> None:
    variables = Variables((({"out": {"stdout": "{{ evil }}"}}, True), ({"a": "{{ out }}"}, False)))
    assert Templar(variables).names_deep("{{ a }}") == {"a", "out"}


def test_a_template_file_reads_these(write: Callable[[str, str], Path]) -> None:
    path = write("x.conf.j2", "{% for s in servers %}{{ s.name }} {{ port }}\n{% endfor %}")
    assert EMPTY.file_names(path) == {"servers", "s", "port"}
