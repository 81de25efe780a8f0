"""Template files give the bytes that Ansible's `template` gives; lookups find and read files of the controller."""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from provision.errors import UsageProblem
from provision.playbook import lookups, sha_crypt, shells
from provision.playbook.templating import Templar, TemplateProblem, UndefinedVariable

Write = Callable[[str, str], Path]

VARIABLES: dict[str, Any] = {"a": 1, "words": ["x", "y"], "t": True, "n": None, "ref": "{{ a }}", "d": {"k": [1]}}

FILES = [
    "plain\n",
    "no newline",
    "two newlines\n\n",
    "\n\nat the start",
    "{{ a }}\n",
    "{{ ref }}",
    "{% if t %}\nyes\n{% endif %}\nend\n",
    "{% for w in words %}\n  - {{ w }}\n{% endfor %}\n",
    "  {% if t %}\n  indented\n  {% endif %}\n",
    "{%- if t -%}\n  tight  \n{%- endif -%}\n tail\n",
    "{# comment #}\nafter\n",
    "{% raw %}{{ not rendered }}{% endraw %}\n",
    "{{ words }}\n",
    "[{{ a }}, {{ a }}]",
    "{'a': {{ a }}}",
    "True",
    "{{ t }}",
    "{{ n }}|{{ d }}|{{ d | to_json }}\n",
    "{{ 'a\\b' }} \\ \\n {{ '\\\\d' }}\n",
    "{{ '1' | regex_replace('(.)', '<\\\\1>') }}\n",
    "{% set x = [1] %}{{ x }}{{ x }}\n",
    "{% macro m(v) %}<{{ v }}>{% endmacro %}{{ m([1]) }}{{ m('[1]') }}\n",
    "#jinja2: trim_blocks: False\n{% if t %}\nyes\n{% endif %}\n",
    "#jinja2: lstrip_blocks: True\n   {% if t %}\nyes\n   {% endif %}\n",
    "#jinja2:variable_start_string:'[%' , variable_end_string:'%]'\n[% a %] {{ a }}\n",
    "crlf {{ a }}\r\nnext\r\n",
    "grüße {{ a }} ☃\n",
    "{{ missing }}\n",
    "{% if %}\n",
    "{{ ansible_managed }}\n",
    "{{ 'x' if false }}|\n",
]

OVERRIDES: list[tuple[str, Mapping[str, Any]]] = [
    ("{% if t %}\nyes\n{% endif %}\n", {"trim_blocks": False}),
    ("  {% if t %}\n  yes\n  {% endif %}\n", {"lstrip_blocks": True}),
    ("a\nb\n", {"newline_sequence": "\r\n"}),
    ("<< a >> {{ a }}\n", {"variable_start_string": "<<", "variable_end_string": ">>"}),
    ("<% if t %>yes<% endif %>\n", {"block_start_string": "<%", "block_end_string": "%>"}),
    ("/* c */{{ a }}\n", {"comment_start_string": "/*", "comment_end_string": "*/"}),
]


def ansible_template(text: str, path: Path, overrides: Mapping[str, Any]) -> Any:
    """What Ansible's action `template` makes of a file."""
    from ansible.errors import AnsibleError
    from ansible.parsing.dataloader import DataLoader
    from ansible.template import AnsibleEnvironment, Templar, generate_ansible_template_vars

    loader = DataLoader()
    loader.set_basedir(str(path.parent))
    variables = {**VARIABLES, **generate_ansible_template_vars(path.name, str(path))}
    templar = Templar(loader, variables).copy_with_new_env(environment_class=AnsibleEnvironment)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return str(
                templar.do_template(
                    text,
                    preserve_trailing_newlines=True,
                    escape_backslashes=False,
                    overrides={"trim_blocks": True, **overrides},
                )
            )
        except AnsibleError:
            return None


def our_template(path: Path, overrides: Mapping[str, Any]) -> Any:
    try:
        return Templar(VARIABLES).render_file(path, overrides)
    except TemplateProblem:
        return None


@pytest.mark.parametrize("text", FILES)
def test_a_file_renders_as_in_ansible(text: str, tmp_path: Path, ansible: Any) -> None:
    path = tmp_path / "x.j2"
    path.write_bytes(text.encode())
    assert our_template(path, {}) == ansible_template(path.read_bytes().decode(), path, {})


@pytest.mark.parametrize(("text", "overrides"), OVERRIDES)
def test_arguments_change_jinja_as_in_ansible(
    text: str, overrides: Mapping[str, Any], tmp_path: Path, ansible: Any
) -> None:
    path = tmp_path / "x.j2"
    path.write_text(text)
    assert our_template(path, overrides) == ansible_template(text, path, overrides)


def test_a_file_knows_about_itself(write: Write) -> None:
    path = write("x.j2", "{{ template_path }} {{ template_fullpath }} {{ template_destpath }} {{ template_host }}")
    assert Templar({}).render_file(path, destination="/etc/x") == f"{path} {path} /etc/x {os.uname().nodename}"


def test_files_include_and_import_others_beside_them_and_in_templates(write: Write, tmp_path: Path) -> None:
    write("templates/head.j2", "head {{ a }} {{ local }}\n")
    write("macros.j2", "{% macro m(v) %}<{{ v }}{{ a }}>{% endmacro %}")
    path = write(
        "x.j2",
        "{% set local = 5 %}{% include 'head.j2' %}{% from 'macros.j2' import m with context %}{{ m(2) }}"
        "{% import 'macros.j2' as all with context %}{{ all.m(3) }}",
    )
    assert Templar({"a": "{{ b }}", "b": 7}, [tmp_path]).render_file(path) == "head 7 5<27><37>"


def test_including_does_not_read_variables_that_nobody_needs(write: Write) -> None:
    write("part.j2", "{{ a }}")
    path = write("x.j2", "{% set x = 1 %}{% include 'part.j2' %}")
    assert Templar({"a": 1, "bad": "{{ nowhere }}"}).render_file(path) == "1"


def test_errors_in_files_name_the_file(write: Write) -> None:
    path = write("x.j2", "one\n{{ nope }}\n")
    with pytest.raises(UndefinedVariable) as raised:
        Templar({"nose": 1}).render_file(path)
    assert raised.value.what == f"{path}: 'nope' is undefined"
    assert raised.value.hint == "did you mean `nose`?"
    with pytest.raises(TemplateProblem, match=r"x\.j2: the template is not Jinja2 \(line 2\)"):
        Templar({}).render_file(write("x.j2", "one\n{% if %}\n"))


@pytest.mark.parametrize(
    "first", ["#jinja2: trim_blocks\n", "#jinja2: trim_blocks: maybe\n", "#jinja2: trim_blcks: True\n"]
)
def test_a_first_line_that_makes_no_sense_is_told(first: str, write: Write) -> None:
    with pytest.raises(UsageProblem):
        Templar({}).render_file(write("x.j2", first))


def test_a_file_that_is_not_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.j2"
    path.write_bytes(b"\xff\xfe{{ a }}")
    with pytest.raises(UsageProblem, match="is not text in UTF-8"):
        Templar({}).render_file(path)


# -- lookups that look at the controller -------------------------------------------------------------------------------


def test_a_file_is_found_in_files_first(write: Write, tmp_path: Path) -> None:
    write("role/files/x", "in files\n\n")
    write("role/x", "beside")
    write("play/y", "  of the play")
    templar = Templar({"name": "x"}, [tmp_path / "role", tmp_path / "play"])
    assert templar.render("{{ lookup('file', name) }}") == "in files"
    assert templar.render("{{ lookup('file', 'y') }}") == "  of the play"
    assert templar.render("{{ lookup('file', 'y', lstrip=true) }}") == "of the play"
    assert templar.render("{{ lookup('file', 'x', rstrip=false) }}") == "in files\n\n"
    assert templar.render("{{ query('file', 'x', 'y') }}") == ["in files", "  of the play"]


def test_a_file_that_is_not_there_says_where_it_was_searched(tmp_path: Path) -> None:
    with pytest.raises(TemplateProblem, match="`nope` is not there") as raised:
        Templar({}, [tmp_path], "site.yml:3").render("{{ lookup('file', 'nope') }}")
    assert str(tmp_path) in raised.value.what
    assert raised.value.what.startswith("site.yml:3: ")


def test_what_lookups_bring_is_never_a_template(write: Write, tmp_path: Path) -> None:
    write("x", "{{ evil }}")
    templar = Templar({"a": "{{ lookup('file', 'x') }}", "b": "{{ a }}"}, [tmp_path])
    assert templar.render("{{ b }}") == "{{ evil }}"


def test_templates_are_rendered_by_lookup(write: Write, tmp_path: Path) -> None:
    write("templates/x.j2", "[{{ a }}, {{ b | default('none') }}]\n")
    templar = Templar({"a": 1}, [tmp_path])
    assert templar.render("{{ lookup('template', 'x.j2') }}") == "[1, none]\n"
    assert templar.render("{{ lookup('template', 'x.j2', template_vars={'b': 2}) }}") == [1, 2]
    assert templar.render("{{ lookup('template', 'x.j2', convert_data=False, template_vars={'b': 2}) }}") == "[1, 2]\n"


def test_globs_find_files_but_not_hidden_ones_or_folders(write: Write, tmp_path: Path) -> None:
    for name in ("files/a.conf", "files/b.conf", "files/.c.conf", "files/d.conf/x", "e.conf"):
        write(name, "")
    found = Templar({}, [tmp_path]).render("{{ query('fileglob', '*.conf') | map('basename') | sort }}")
    assert found == ["a.conf", "b.conf"]
    assert Templar({}, [tmp_path]).render("{{ query('fileglob', 'none/*.conf') }}") == []


def test_the_environment_of_the_controller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_NAME", "value")
    assert Templar({}).render("{{ lookup('env', 'SOME_NAME') }}") == "value"
    with pytest.raises(UndefinedVariable):
        Templar({}).render("{{ lookup('env', 'NOT_THERE_AT_ALL', default=undef()) }}")


def test_processes_are_started_through_one_door(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran: list[tuple[str, Path]] = []

    def output(command: str, folder: Path) -> str:
        ran.append((command, folder))
        return "one\ntwo"

    monkeypatch.setattr(shells, "output", output)
    templar = Templar({"c": "date"}, [tmp_path / "role", tmp_path])
    assert templar.render("{{ lookup('pipe', c) }}") == "one\ntwo"
    assert templar.render("{{ query('lines', 'ls') }}") == ["one", "two"]
    assert ran == [("date", tmp_path), ("ls", tmp_path)]


@pytest.mark.parametrize("name", sorted(lookups.REFUSED))
def test_lookups_that_are_not_done_are_refused_by_name(name: str) -> None:
    with pytest.raises(TemplateProblem, match=f"the lookup `{name}` is known to Ansible, not done by provision"):
        Templar({}).render("{{ lookup('" + name + "', 'x') }}")


def test_a_misspelled_lookup_is_told_with_the_nearest() -> None:
    with pytest.raises(TemplateProblem) as raised:
        Templar({}).render("{{ lookup('flie', 'x') }}")
    assert "there is no lookup `flie`" in raised.value.what


# -- passwords ---------------------------------------------------------------------------------------------------------


def password(tmp_path: Path, terms: str) -> Any:
    return Templar({"here": str(tmp_path)}, [tmp_path]).render("{{ lookup('password', " + terms + ") }}")


def test_a_password_is_made_once_and_kept_for_the_owner(tmp_path: Path) -> None:
    first = password(tmp_path, "'keys/api length=30 chars=digits'")
    assert len(first) == 30
    assert first.isdigit()
    assert password(tmp_path, "here ~ '/keys/api'") == first
    kept = tmp_path / "keys/api"
    assert kept.read_text() == f"{first}\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700


def test_a_password_for_nobody_is_new_every_time(tmp_path: Path) -> None:
    assert password(tmp_path, "'/dev/null'") != password(tmp_path, "'/dev/null'")
    assert len(password(tmp_path, "'/dev/null', length=5")) == 5


def test_an_encrypted_password_keeps_its_salt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sha_crypt._DEFAULT_ROUNDS, "sha512", 1000)
    terms = "'p length=8 encrypt=sha512_crypt'"
    first = password(tmp_path, terms)
    assert first.startswith("$6$rounds=1000$")
    assert password(tmp_path, terms) == first
    assert " salt=" in (tmp_path / "p").read_text()


@pytest.mark.parametrize(
    ("chars", "letters"),
    [
        ("chars='ascii_lowercase'", "abcdefghijklmnopqrstuvwxyz"),
        ("chars='a,b'", "ab"),
        ("chars=['xy', 'digits']", "xy0123456789"),
        ("chars='a,,'", "a,"),
    ],
)
def test_letters_can_be_chosen(chars: str, letters: str, tmp_path: Path) -> None:
    assert set(password(tmp_path, f"'/dev/null', length=200, {chars}")) <= set(letters)


def test_a_seed_makes_the_same_password(tmp_path: Path) -> None:
    assert password(tmp_path, "'/dev/null', seed='x'") == password(tmp_path, "'/dev/null', seed='x'")


def test_no_letters_to_choose_from_is_told(tmp_path: Path) -> None:
    with pytest.raises(TemplateProblem, match="leaves no characters"):
        password(tmp_path, "'/dev/null', chars=','")
