"""A module's arguments are checked by its specification: names, values, and what goes with what."""

from __future__ import annotations

from typing import Any

import pytest

from provision.agent.specs import SPECS, Argument, ModuleSpec
from provision.playbook.arguments import CONTROL, faults, normalised, spec_of

SPEC = ModuleSpec(
    {
        "path": Argument("path", required=True, aliases=("dest", "name")),
        "state": Argument("str", "present", ("present", "absent", "touch")),
        "kinds": Argument("list", None, ("a", "b"), elements="str"),
        "force": Argument("bool", False),
        "count": Argument("int"),
        "options": Argument("dict"),
        "source": Argument(),
        "content": Argument(),
        "label": Argument(refused="nobody labels here"),
        "mode": Argument("raw"),
    },
    mutually_exclusive=(("source", "content"),),
    required_one_of=(("source", "content", "state"),),
    required_if=(("state", "touch", ("mode",)),),
    required_by=(("label", "mode"), ("count", "force")),
)


def told(**args: Any) -> list[str]:
    return [text for text, _, _ in faults("thing", SPEC, {"path": "/x", "state": "present", **args})]


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"state": "absent"},
        {"state": "{{ anything }}"},
        {"state": None, "source": "x"},
        {"force": True},
        {"force": "yes"},
        {"force": "No"},
        {"force": 1},
        {"force": "{{ x }}"},
        {"count": 5, "force": True},
        {"count": "5", "force": True},
        {"count": 5.0, "force": True},
        {"count": "{{ n }}", "force": True},
        {"kinds": ["a", "b"]},
        {"kinds": "a,b"},
        {"kinds": ["{{ x }}", "a"]},
        {"kinds": "{{ x }}"},
        {"options": {"a": 1}},
        {"options": "a=1"},
        {"source": "x"},
        {"source": "x", "content": None},
        {"source": "{{ a | default(omit) }}", "content": "{{ b | default(omit) }}"},
        {"source": "x", "content": "{{ b | default(omit) }}"},
        {"state": "touch", "mode": "0644"},
        {"mode": 420},
    ],
)
def test_what_makes_sense_is_fine(args: dict[str, Any]) -> None:
    assert told(**args) == []


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({"pth": 1}, "`pth` is not an argument of `thing`"),
        ({"_raw_params": "x"}, "`_raw_params` is not an argument of `thing`"),
        ({"dest": "/y"}, "`path` and `dest` are the same argument"),
        ({"path": None}, "`thing` needs the argument `path`"),
        ({"state": "presnt"}, "`state` is one of present, absent, touch, not `presnt`"),
        ({"kinds": ["a", "c"]}, "`kinds` is one of a, b, not `c`"),
        ({"kinds": "a,c"}, "`kinds` is one of a, b, not `c`"),
        ({"force": "perhaps"}, "`force` is yes or no, not `perhaps`"),
        ({"force": 2}, "`force` is yes or no, not `2`"),
        ({"count": "many"}, "`count` is a whole number, not `many`"),
        ({"count": True}, "`count` is a whole number, not `True`"),
        ({"count": 1.5}, "`count` is a whole number, not `1.5`"),
        ({"count": "inf"}, "`count` is a whole number, not `inf`"),
        ({"count": [1]}, "`count` is a whole number, not `[1]`"),
        ({"options": [1]}, "`options` takes a mapping, not a list"),
        ({"source": "a", "content": "b"}, "`source`, `content` exclude each other"),
        ({"state": None}, "`thing` needs one of the arguments `source`, `content`, `state`"),
        ({"state": "touch"}, "`thing` with `state: touch` needs `mode`"),
        ({"count": 1}, "`count` needs `force` beside it"),
        ({"label": "x", "mode": 1}, "`label` is known to Ansible, not done by provision: nobody labels here"),
    ],
)
def test_what_makes_no_sense_is_told(args: dict[str, Any], expected: str) -> None:
    assert expected in told(**args)


def test_the_nearest_word_is_looked_for_among_the_right_ones() -> None:
    ((_, word, known),) = faults("thing", SPEC, {"path": "/x", "state": "presnt"})
    assert (word, known) == ("presnt", ("present", "absent", "touch"))


def test_aliases_become_the_arguments_own_name() -> None:
    assert normalised(SPEC, {"dest": "/x", "mode": 1, "unknown": 2}) == {"path": "/x", "mode": 1, "unknown": 2}


def test_a_module_of_the_users_own_names_takes_any() -> None:
    assert faults("set_fact", SPECS["set_fact"], {"anything": 1, "at_all": [2]}) == []


def test_control_words_and_modules_have_a_specification() -> None:
    assert spec_of("include_tasks") is CONTROL["include_tasks"]
    assert spec_of("copy") is SPECS["copy"]
    assert spec_of("dnf") is None


@pytest.mark.parametrize("name", sorted(SPECS))
def test_every_module_refuses_a_word_that_it_does_not_know(name: str) -> None:
    if not SPECS[name].any_argument:
        texts = [text for text, _, _ in faults(name, SPECS[name], {"no_such_argument": 1})]
        assert f"`no_such_argument` is not an argument of `{name}`" in texts


@pytest.mark.parametrize("name", sorted(SPECS))
def test_every_default_is_accepted(name: str) -> None:
    spec = SPECS[name]
    for argument, about in spec.arguments.items():
        if about.default is not None:
            texts = [text for text, _, _ in faults(name, spec, {argument: about.default}) if f"`{argument}` is" in text]
            assert texts == []
