"""Arguments are converted as ansible-core's own checks convert them, which are the oracle here."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.common.validation import (
    check_type_bool,
    check_type_dict,
    check_type_float,
    check_type_int,
    check_type_list,
    check_type_path,
    check_type_str,
)

from provision.agent.arguments import parse
from provision.agent.errors import Failed
from provision.agent.specs import Argument, ModuleSpec

ORACLE = {
    "bool": check_type_bool,
    "int": check_type_int,
    "float": check_type_float,
    "list": check_type_list,
    "dict": check_type_dict,
    "path": check_type_path,
    "str": check_type_str,
}
REFUSED = "refused"


def ours(kind: str, value: Any) -> Any:
    try:
        return parse("m", ModuleSpec({"x": Argument(kind)}), {"x": value})["x"]
    except Failed as failed:
        assert f"unable to convert to {kind}" in failed.msg
        return REFUSED


def theirs(kind: str, value: Any) -> Any:
    try:
        return ORACLE[kind](value)
    except (TypeError, ValueError):
        return REFUSED


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *[
            ("bool", value)
            for value in (True, False, 1, 0, 1.0, "yes", "No", " on ", "T", "f", "1", "0", "2", "maybe", 2)
        ],
        *[("int", value) for value in (5, "5", " 5 ", "-1", 5.0, 5.5, "5.5", "x", [1])],
        *[("float", value) for value in (1.5, "1.5", 2, "x", [1])],
        *[("list", value) for value in (["a"], "a", "a,b", 5, 1.5, {"a": 1})],
        *[("dict", value) for value in ({"a": 1}, '{"a": [1]}', "a=1", "a=1,b=2", "a=1, b=2", "a=1 b=2", "rubbish", 5)],
        *[("path", value) for value in ("/a", "$HOME/a", "~/a", "~root/a", "${NO_SUCH_VARIABLE}/a")],
        *[("str", value) for value in ("a", 5, 1.5, True)],
    ],
)
def test_a_value_becomes_what_ansible_makes_of_it(kind: str, value: Any) -> None:
    mine, wanted = ours(kind, value), theirs(kind, value)
    assert mine == wanted and type(mine) is type(wanted)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"a": 1, "b": 1}, "mutually exclusive: a|b"),
        ({}, "one of the following is required: a, b"),
        ({"a": 1, "state": "link"}, "state is link but all of the following are missing: src"),
        ({"a": 1, "other": 1}, "missing parameter(s) required by 'other': src"),
        ({"a": 1, "state": "odd"}, "value of state must be one of: file, link, got: odd"),
        ({"a": 1, "selinux": "x"}, "selinux=x is refused: not managed"),
        ({"a": 1, "odd": 1, "even": 1}, "Unsupported parameters for (m) module: even, odd"),
    ],
)
def test_what_does_not_go_together_is_told(given: dict[str, Any], words: str) -> None:
    spec = ModuleSpec(
        {
            "a": Argument("int"),
            "b": Argument("int"),
            "state": Argument("str", "file", ("file", "link")),
            "src": Argument("path"),
            "other": Argument("str"),
            "selinux": Argument("str", refused="not managed"),
        },
        mutually_exclusive=(("a", "b"),),
        required_one_of=(("a", "b"),),
        required_if=(("state", "link", ("src",)),),
        required_by=(("other", "src"),),
    )
    with pytest.raises(Failed) as failed:
        parse("m", spec, given)
    assert words in failed.value.msg
    assert parse("m", spec, {"b": "2", "state": "link", "src": "/x", "other": "y"})["b"] == 2
