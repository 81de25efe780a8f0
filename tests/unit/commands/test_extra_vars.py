"""`-e` means what it means to Ansible."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.splitter import parse_kv

from provision.commands.extra_vars import extra_vars
from provision.errors import UsageProblem


@pytest.mark.parametrize(
    "text",
    [
        "a=1",
        "a=1 b=two",
        "a='two words' b=\"x y\"",
        "a=x=y",
        "a=",
        "a=yes",
        "path=/opt/a b=c:d",
        "greeting=äöü",
    ],
)
def test_words_are_read_as_ansible_reads_them(text: str) -> None:
    assert extra_vars([text]) == parse_kv(text)


@pytest.mark.parametrize(
    "text",
    ['{"a": 1, "b": [1, 2], "c": {"d": null}}', "{a: yes, b: 0644, c: [x, y]}", "{}"],
)
def test_json_and_yaml_keep_their_types(text: str) -> None:
    assert extra_vars([text]) == DataLoader().load(text)


@pytest.mark.parametrize(("name", "text"), [("v.yml", "a: 1\nb: [x]\n"), ("v.json", '{"a": 1}'), ("v.yml", "")])
def test_a_file_is_read(name: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text(text)
    assert extra_vars([f"@{file}"]) == (DataLoader().load(text) or {})


def test_the_last_one_wins_and_nothing_is_merged_deeply() -> None:
    assert extra_vars(["a=1 b=1", '{"a": {"x": 1}}', '{"a": {"y": 2}}', ""]) == {"a": {"y": 2}, "b": "1"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/etc/vars.yml", "@/etc/vars.yml"),
        ("./vars.yml", "@./vars.yml"),
        ("novalue", "novalue"),
        ("=x", "=x"),
        ("a='unfinished", "quotation"),
        ("[1, 2]", "mapping"),
        ("{a: [}", "YAML"),
        ("{a: 1, a: 2}", "a"),
        ("@/does/not/exist.yml", "/does/not/exist.yml"),
    ],
)
def test_what_is_no_variables_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageProblem) as refused:
        extra_vars([text])
    assert said in f"{refused.value.what} {refused.value.why} {refused.value.hint}"


def test_a_list_in_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "list.yml"
    file.write_text("- a\n")
    with pytest.raises(UsageProblem, match="mapping"):
        extra_vars([f"@{file}"])


def test_nothing_said_is_nothing() -> None:
    nothing: dict[str, Any] = {}
    assert extra_vars([]) == nothing
