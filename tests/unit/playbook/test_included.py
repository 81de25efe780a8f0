"""`include_vars` brings a file, or the files of a folder that its options choose."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from provision.errors import UsageProblem
from provision.playbook.included import include_vars
from provision.playbook.values import Location, Role, Task

Write = Callable[[str, str], Path]


@pytest.fixture
def bring(tmp_path: Path) -> Callable[..., Mapping[str, Any]]:
    def bring(role: bool = False, **args: Any) -> Mapping[str, Any]:
        task = Task(Location("site.yml", 3), "", "include_vars", args, tmp_path / "tasks")
        if role:
            task = Task(task.where, "", "include_vars", args, tmp_path, role=Role("app", tmp_path / "role"))
        return include_vars(task, args, tmp_path / "play").values

    return bring


@pytest.fixture
def folder(write: Write) -> None:
    for name, text in {
        "d/a.yml": "a: 1\nboth: a\n",
        "d/b.yaml": "both: b\n",
        "d/c.json": '{"c": [1]}',
        "d/deep/x.yml": "x: 1\nboth: deep\n",
        "d/deep/er/y.yml": "y: 1\n",
    }.items():
        write(f"tasks/{name}", text)


def test_a_file_is_found_in_vars_beside_the_task_and_beside_the_play(
    bring: Callable[..., Any], write: Write, tmp_path: Path
) -> None:
    write("play/vars/one.yml", "v: 1\n")
    write("tasks/two.yml", "v: 2\n")
    write("role/vars/one.yml", "v: role\n")
    assert bring(_raw_params="one.yml") == {"v": 1}
    assert bring(file="two.yml") == {"v": 2}
    assert bring(role=True, file="one.yml") == {"v": "role"}
    assert bring(file=str(tmp_path / "tasks/two.yml"), name="here") == {"here": {"v": 2}}


def test_templates_in_included_files_are_left_alone(bring: Callable[..., Any], write: Write) -> None:
    write("tasks/v.yml", "a: '{{ b }}'\n")
    assert bring(file="v.yml") == {"a": "{{ b }}"}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"a": 1, "both": "deep", "c": [1], "x": 1, "y": 1}),
        ({"depth": 1}, {"a": 1, "both": "b", "c": [1]}),
        ({"depth": "2"}, {"a": 1, "both": "deep", "c": [1], "x": 1}),
        ({"files_matching": "^[ab]"}, {"a": 1, "both": "b"}),
        ({"ignore_files": ["b.yaml", "x.yml", "y.yml"]}, {"a": 1, "both": "a", "c": [1]}),
        ({"ignore_files": "json yaml", "depth": 1}, {"a": 1, "both": "a"}),
        ({"extensions": ["json"], "ignore_unknown_extensions": True}, {"c": [1]}),
        ({"name": "n", "depth": 1, "files_matching": "^b"}, {"n": {"both": "b"}}),
    ],
)
def test_a_folder_brings_the_files_that_are_chosen(
    options: Mapping[str, Any], expected: Mapping[str, Any], bring: Callable[..., Any]
) -> None:
    assert bring(dir="d", **options) == expected


def test_the_folder_of_a_role_is_below_its_vars_and_leaves_main_out(bring: Callable[..., Any], write: Write) -> None:
    write("role/vars/main.yml", "main: 1\n")
    write("role/vars/more.yml", "more: 1\n")
    write("role/vars/sub/x.yml", "x: 1\n")
    assert bring(role=True, dir="vars", depth=1) == {"more": 1}
    assert bring(role=True, dir="sub") == {"x": 1}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({}, "site.yml:3: include_vars makes no sense: it needs `file` or `dir`"),
        ({"file": "x", "depth": 1}, "`depth` goes with `dir`"),
        ({"file": "nope.yml"}, "site.yml:3: there is no file `nope.yml` to include"),
        ({"dir": "nope"}, "nope directory does not exist"),
        ({"dir": "d", "extensions": ["yml"]}, "b.yaml does not have a valid extension: yml"),
        ({"file": "a", "hash_behaviour": "merge"}, "`hash_behaviour: merge` is known to Ansible"),
    ],
)
def test_what_makes_no_sense_is_told(args: Mapping[str, Any], expected: str, bring: Callable[..., Any]) -> None:
    with pytest.raises(UsageProblem, match=re.escape(expected)):
        bring(**args)
