"""How templates see variables: only those they need, final ones as they are, errors with their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from provision.inventory.documents import Unsafe
from provision.playbook.environments import compiled, plain_condition, plain_pieces, value_environment
from provision.playbook.scope import RenderedVariables, Scope, Variables
from provision.playbook.templating import OMIT, Templar, TemplateProblem, UndefinedVariable, without_omitted


class Watched(Mapping[str, Any]):
    """Variables that tell which of them were read."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values_ = values
        self.read: list[str] = []

    def __getitem__(self, name: str) -> Any:
        value = self.values_[name]
        self.read.append(name)
        return value

    def __contains__(self, name: object) -> bool:
        return name in self.values_

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


# -- laziness ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", ["{{ a }}", "x {{ a }}", "{% if a %}{{ a }}{% endif %}", "{{ a | default(1) }}"])
def test_only_what_is_needed_is_read(template: str) -> None:
    variables = Watched({"a": "{{ b }}", "b": "value", "unused": "{{ nowhere }}", "broken": "{{ 1 / 0 }}"})
    assert "value" in Templar(variables).render(template)
    assert set(variables.read) == {"a", "b"}


def test_a_value_that_is_no_template_is_itself() -> None:
    value = {"a": [1, None, 2.5, True, "plain"], 5: "key"}
    assert Templar({}).render(value) == value


def test_keys_are_not_rendered_and_values_are() -> None:
    assert Templar({"x": 1}).render({"{{ x }}": "{{ x }}"}) == {"{{ x }}": 1}


@pytest.mark.parametrize(
    "template", ["{{ 1000000000 | random }}", "{{ number }}", "{{ range(1000) | shuffle | join }}", "{{ now() }}"]
)
def test_what_varies_is_asked_anew_each_time(template: str) -> None:
    templar = Templar({"number": "{{ 1000000000 | ansible.builtin.random }}"})
    assert len({str(templar.render(template)) for _ in range(5)}) > 1


def test_the_disk_is_looked_at_anew_each_time(tmp_path: Path) -> None:
    path = tmp_path / "x"
    assert Templar({}).condition(f"'{path}' is exists") is False
    path.touch()
    assert Templar({}).condition(f"'{path}' is exists and '{path}' is ansible.builtin.file") is True


def test_a_variable_may_be_read_twice_but_not_by_itself() -> None:
    templar = Templar({"a": "{{ b }}{{ b }}", "b": "x", "c": "{{ c | default(1) }}"})
    assert templar.render("{{ a }}{{ a }}") == "xxxx"
    with pytest.raises(TemplateProblem, match="the variable `c` reads itself: c > c"):
        templar.render("{{ c }}")


def test_after_a_failure_the_templar_still_works() -> None:
    templar = Templar({"bad": "{{ worse }}", "worse": "{{ 1 / 0 }}", "good": 1})
    for _ in range(2):
        with pytest.raises(TemplateProblem, match="division by zero"):
            templar.render("{{ bad }}")
    assert templar.render("{{ good }}") == 1


def test_deep_circles_across_hosts_end() -> None:
    values: dict[str, Any] = {"x": "{{ other.x }}"}
    templar = Templar(values)
    values["other"] = RenderedVariables(Templar(values))
    with pytest.raises(TemplateProblem, match="reads itself"):
        templar.render("{{ x }}")


# -- final values ------------------------------------------------------------------------------------------------------


def test_unsafe_text_is_never_rendered() -> None:
    templar = Templar({"a": Unsafe("{{ b }}"), "list": [Unsafe("{{ b }}"), "{{ 1 }}"]})
    assert templar.render("{{ a }}") == "{{ b }}"
    assert templar.render("{{ list }}") == ["{{ b }}", "1"]
    assert templar.render(Unsafe("{{ a }}")) == "{{ a }}"


def test_what_a_template_gives_is_not_rendered_again() -> None:
    templar = Templar({"braces": "{{ '{{ evil }}' }}", "again": "{{ braces }}"})
    assert templar.render("{{ again }}") == "{{ evil }}"


def test_layers_win_from_first_to_last() -> None:
    variables = Variables((({"a": 1}, True), ({"a": 2, "b": "{{ a }}"}, False)))
    assert (variables["a"], variables["b"], len(variables), sorted(variables)) == (1, "{{ a }}", 2, ["a", "b"])
    assert (variables.is_known("a"), variables.is_known("b"), variables.is_known("c")) == (True, False, False)
    assert "c" not in variables
    with pytest.raises(KeyError):
        variables["c"]


def test_values_can_be_put_over_the_rest() -> None:
    variables = Variables((({"a": "weak"}, False),))
    assert Templar(variables.knowing({"a": "{{ final }}"})).render("{{ a }}") == "{{ final }}"
    assert Templar(variables.under({"a": "{{ 1 + 1 }}"})).render("{{ a }}") == "2"
    assert Templar(variables).over({"b": "{{ final }}"}).render("{{ a }} {{ b }}") == "weak {{ final }}"
    assert Templar({"a": 1}).over({"b": 2}).render("{{ a }}{{ b }}") == "12"


def test_the_scope_is_a_mapping_of_all_that_can_be_named() -> None:
    scope = Scope(Templar({"a": "{{ 1 }}"}), {"function": len}, {"own": 2})
    assert (scope["a"], scope["own"], scope["function"]) == ("1", 2, len)
    assert sorted(scope) == ["a", "function", "own"]
    assert len(scope) == 3
    assert scope.with_locals({"a": 5})["a"] == 5


def test_vars_gives_variables_by_name() -> None:
    templar = Templar({"web_port": 80, "kind": "web", "vars": {"web_port": 80}})
    assert templar.render("{{ vars[kind ~ '_port'] }}") == "80"


def test_rendered_variables_are_a_mapping() -> None:
    rendered = RenderedVariables(Templar({"a": "{{ b }}", "b": 1}))
    assert dict(rendered) == {"a": 1, "b": 1}
    assert (len(rendered), "a" in rendered, "c" in rendered, repr(rendered)) == (2, True, False, "{'a': 1, 'b': 1}")
    with pytest.raises(KeyError):
        rendered["c"]


# -- omit --------------------------------------------------------------------------------------------------------------


def test_arguments_without_what_is_omitted() -> None:
    templar = Templar({"omit": OMIT, "mode": "0644"})
    arguments = {
        "path": "/x",
        "mode": "{{ mode | default(omit) }}",
        "owner": "{{ owner | default(omit) }}",
        "nested": {"a": "{{ nope | default(omit) }}", "b": [1, "{{ nope | default(omit) }}"]},
    }
    assert templar.arguments(arguments) == {"path": "/x", "mode": "0644", "nested": {"b": [1]}}


def test_omit_inside_other_text_stays() -> None:
    assert without_omitted({"a": f"x{OMIT}"}) == {"a": f"x{OMIT}"}


# -- conditions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "expected"),
    [(None, True), ("", True), (True, True), (False, False), ([], True), (["yes", "yes"], True), (["yes", "no"], False),
     (1, True), (0, False), (["yes", False], False), (("yes",), True)],
)  # fmt: skip
def test_conditions_of_every_kind(condition: Any, expected: bool) -> None:
    assert Templar({"yes": True, "no": False}).condition(condition) is expected


def test_a_list_of_conditions_stops_at_the_first_that_does_not_hold() -> None:
    assert Templar({}).condition(["x is defined", "x.y == 1"]) is False


def test_an_expression_keeps_its_type() -> None:
    templar = Templar({"a": [1, 2]})
    assert templar.evaluate("a | length") == 2
    assert templar.evaluate("a") == [1, 2]


# -- errors ------------------------------------------------------------------------------------------------------------


def test_an_undefined_variable_is_named_with_its_place_and_the_nearest() -> None:
    with pytest.raises(UndefinedVariable) as raised:
        Templar({"port": 1, "hosts": 2}, where="site.yml:7").render("listen {{ prot }}")
    assert raised.value.what == "site.yml:7: 'prot' is undefined"
    assert raised.value.why == "in the template `listen {{ prot }}`"
    assert raised.value.hint == "did you mean `port`?"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ a.b.c }}", "'dict object' has no attribute 'b'"),
        ("{{ l[5] }}", "list object has no element 5"),
        ("{{ a['x'] }}", "'dict object' has no attribute 'x'"),
        ("{{ through }}", "'nowhere' is undefined"),
        ("{{ a + nope }}", "'nope' is undefined"),
        ("{% for x in nope %}{% endfor %}", "'nope' is undefined"),
        ("{{ nope() }}", "'nope' is undefined"),
        ("{{ lookup('env', nope) }}", "'nope' is undefined"),
    ],
)
def test_what_is_undefined_is_told(template: str, expected: str) -> None:
    with pytest.raises(UndefinedVariable) as raised:
        Templar({"a": {}, "l": [], "through": "{{ nowhere }}"}).render(template)
    assert raised.value.what == expected


def test_the_place_is_told_once_however_deep_the_variable() -> None:
    templar = Templar({"a": "{{ b }}", "b": "{{ c }}", "c": "{{ nope }}"}, where="site.yml:1")
    with pytest.raises(UndefinedVariable) as raised:
        templar.render("{{ a }}")
    assert raised.value.what.count("site.yml:1") == 1


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ 1 + }}", "is not Jinja2: unexpected 'end of print statement'"),
        ("one\n{% if %}", "is not Jinja2 (line 2)"),
        ("{{ 1 / 0 }}", "cannot be rendered: ZeroDivisionError: division by zero"),
        ("{{ [] + 1 }}", "cannot be rendered: TypeError"),
        ("{{ 'x' | int('y', 'z', 'w') }}", "cannot be rendered: TypeError"),
        ("{% include 'nope.j2' %}", "cannot be rendered"),
    ],
)
def test_other_failures_are_told(template: str, expected: str) -> None:
    with pytest.raises(TemplateProblem) as raised:
        Templar({}, [Path("/nonexistent")], "site.yml:2").render(template)
    assert raised.value.what.startswith("site.yml:2: the template `")
    assert expected in raised.value.what


def test_a_long_template_is_shortened_in_errors() -> None:
    with pytest.raises(UndefinedVariable) as raised:
        Templar({}).render("{{ nope }}" + " word" * 200)
    assert len(raised.value.why) < 200
    assert raised.value.why.endswith("...`")


# -- plain and compiled ------------------------------------------------------------------------------------------------

PLAIN = [
    "{{ a.b }}", "x{{ a }}y{{ b }}", "{{ a[b] }}", "{{ a[1:] }}", "{{ a if b else c }}", "{{ -a + b * 2 - c }}",
    "{{ [a, (b, 1), {'k': c}] }}", "{{ a ~ b }}", "{{ a < b <= c }}", "{{ not (a and b or c) }}", "{{ a in b }}",
    "{{ a | default(b, true) | join(',') }}", "{{ a is defined and b is match('x') }}", "{{ f(a, k=b) }}",
    "{{ +a // b % c ** 2 }}",
]  # fmt: skip
COMPILED = [
    "{{ 1 }}", "{{ 'x' | upper }}", "{% if a %}{% endif %}", "{{ a if b }}", "{{ f(*a) }}", "{{ f(**a) }}",
    "{{ a | nofilter }}", "{{ a is notest }}", "{% set a = 1 %}", "{% raw %}{{ a }}{% endraw %}{% set b = a %}",
]  # fmt: skip
VALUES: list[Mapping[str, Any]] = [
    {"a": 1, "b": 2, "c": 3, "f": lambda *args, **kwargs: (args, kwargs)},
    {"a": [3, 4, 5], "b": 1, "c": "x"},
    {"a": "text", "b": "tex", "c": None, "f": dict},
    {"a": {"b": {"c": 1}}, "b": "b", "c": []},
    {},
]


@pytest.mark.parametrize("template", PLAIN)
def test_plain_expressions_are_not_compiled_and_give_the_same(template: str) -> None:
    assert plain_pieces(template) is not None
    environment = value_environment()
    for values in VALUES:
        templar = Templar(values)
        try:
            expected: Any = environment.concat(
                compiled(environment, template).root_render_func(
                    compiled(environment, template).new_context(Scope(templar, environment.globals), shared=True)
                )
            )
        except Exception as error:
            expected = type(error)
        try:
            found = templar.render(template)
        except TemplateProblem as error:
            assert error.__cause__ is not None
            found = type(error.__cause__)
        assert found == expected


@pytest.mark.parametrize("template", COMPILED)
def test_what_is_not_plain_is_left_to_jinja(template: str) -> None:
    assert plain_pieces(template) is None


@pytest.mark.parametrize(
    ("condition", "plain"),
    [
        ("a == 1", True),
        ("a is defined", True),
        ("a | length > 1 and not b", True),
        ("1 == 1", False),
        ("a if b", False),
    ],
)
def test_conditions_are_plain_or_compiled(condition: str, plain: bool) -> None:
    assert (plain_condition(condition) is not None) is plain
