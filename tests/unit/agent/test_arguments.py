"""From what a playbook gave to what a module takes, in Ansible's words."""

from __future__ import annotations

from typing import Any

import pytest

from provision.agent.arguments import parse
from provision.agent.errors import Failed
from provision.agent.specs import SPECS, Argument, ModuleSpec


def parsed(argument: Argument, value: Any) -> Any:
    return parse("m", ModuleSpec({"x": argument}), {"x": value})["x"]


@pytest.mark.parametrize(
    ("kind", "given", "wanted"),
    [
        ("bool", "yes", True),
        ("bool", "No", False),
        ("bool", "on", True),
        ("bool", 1, True),
        ("bool", 0, False),
        ("bool", "t", True),
        ("bool", False, False),
        ("int", "42", 42),
        ("int", 42.0, 42),
        ("float", "1.5", 1.5),
        ("str", 5, "5"),
        ("str", True, "True"),
        ("str", ["a"], '["a"]'),
        ("list", "a, b,c", ["a", "b", "c"]),
        ("list", "", []),
        ("list", 5, ["5"]),
        ("list", ("a",), ["a"]),
        ("dict", "a=1 b=2", {"a": "1", "b": "2"}),
        ("dict", '{"a": 1}', {"a": 1}),
        ("dict", {"a": 1}, {"a": 1}),
        ("raw", {"a": [1]}, {"a": [1]}),
    ],
)
def test_values_become_what_the_module_takes(kind: str, given: Any, wanted: Any) -> None:
    assert parsed(Argument(kind), given) == wanted


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("bool", "maybe"),
        ("int", "x"),
        ("int", 1.5),
        ("float", "x"),
        ("list", {"a": 1}),
        ("dict", "rubbish"),
        ("dict", 5),
    ],
)
def test_what_is_of_another_type_is_told_with_its_name(kind: str, given: Any) -> None:
    with pytest.raises(Failed, match=r"argument 'x' is of type .* unable to convert"):
        parsed(Argument(kind), given)


def test_paths_know_home_and_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.setenv("NAME", "value")
    assert parsed(Argument("path"), "~/$NAME/x") == "/home/ann/value/x"


def test_elements_of_lists_are_converted_too() -> None:
    assert parsed(Argument("list", elements="int"), "1,2") == [1, 2]


def test_a_default_stands_where_nothing_was_given() -> None:
    spec = ModuleSpec({"x": Argument("int", 3), "y": Argument("list", ("a",), elements="str")})
    assert parse("m", spec, {}) == {"x": 3, "y": ["a"]}


def test_another_name_of_an_argument_counts_as_that_argument() -> None:
    assert parse("apt", SPECS["apt"], {"pkg": "a,b"})["name"] == ["a", "b"]


def test_an_unknown_argument_is_named_with_those_that_exist() -> None:
    with pytest.raises(
        Failed, match=r"Unsupported parameters for \(stat\) module: pth. Supported .*checksum_algorithm"
    ):
        parse("stat", SPECS["stat"], {"pth": "/x"})


def test_missing_arguments_are_named() -> None:
    with pytest.raises(Failed, match="missing required arguments: path"):
        parse("stat", SPECS["stat"], {})


def test_a_choice_that_does_not_exist_is_told_with_those_that_do() -> None:
    with pytest.raises(Failed, match=r"value of state must be one of: absent, directory.*got: gone"):
        parse("file", SPECS["file"], {"path": "/x", "state": "gone"})


def test_arguments_that_exclude_each_other() -> None:
    with pytest.raises(Failed, match=r"parameters are mutually exclusive: insertbefore\|insertafter"):
        parse("lineinfile", SPECS["lineinfile"], {"path": "/x", "insertbefore": "a", "insertafter": "b"})


def test_one_of_several_has_to_be_there() -> None:
    with pytest.raises(Failed, match="one of the following is required: state, enabled"):
        parse("service", SPECS["service"], {"name": "x"})
    assert parse("service", SPECS["service"], {"name": "x", "enabled": False})["enabled"] is False


def test_an_argument_may_need_another() -> None:
    with pytest.raises(Failed, match="non_unique is True but all of the following are missing: gid"):
        parse("group", SPECS["group"], {"name": "x", "non_unique": True})
    with pytest.raises(Failed, match=r"missing parameter\(s\) required by 'state': name"):
        parse("systemd", SPECS["systemd"], {"state": "started"})


def test_a_none_counts_as_not_given() -> None:
    assert parse("copy", SPECS["copy"], {"dest": "/x", "src": None, "content": "text"})["content"] == "text"


def test_private_arguments_of_the_engine_pass_through() -> None:
    reference = {"digest": "00", "size": 1}
    assert parse("copy", SPECS["copy"], {"dest": "/x", "_content": reference})["_content"] == reference
    with pytest.raises(Failed, match="Unsupported parameters"):
        parse("stat", SPECS["stat"], {"path": "/x", "_content": reference})
