"""Our argument specs against the documentation of ansible-core: nothing is missing, and defaults agree."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import ansible.modules
import pytest
from ansible.plugins.loader import fragment_loader
from ansible.utils.plugin_docs import get_docstring

from provision.agent.arguments import parse
from provision.agent.errors import Failed
from provision.agent.specs import KNOWN_ELSEWHERE, SPECS, ModuleSpec, canonical

# What ansible-core documents and no playbook writes: the free form has no name of its own.
FREE_FORM = {"command": {"free_form"}, "shell": {"free_form"}}

# Defaults that the documentation describes in words.
IN_WORDS = {("reboot", "reboot_command"), ("user", "ssh_key_comment"), ("template", "newline_sequence")}

# What ansible-core takes though its documentation does not say so, or says it of the sibling module only.
UNDOCUMENTED = {
    "command": {"executable"},
    "shell": {"strip_empty_ends"},
    "setup": {"parallel"},
}

# Documented as required, but for one case that the documentation tells as well.
REQUIRED_SOMETIMES = {("git", "dest"), ("set_fact", "key_value")}

# Other names of a default that mean the same.
SAME = {"no": False, "yes": True}


@cache
def documentation(module: str) -> dict[str, Any]:
    path = Path(ansible.modules.__file__).parent / f"{module}.py"
    doc: dict[str, Any]
    doc = get_docstring(str(path), fragment_loader, collection_name="ansible.builtin", is_module=True)[0]
    return doc


def documented(module: str) -> dict[str, Any]:
    options = documentation(module)["options"]
    return {name: option for name, option in options.items() if name not in FREE_FORM.get(module, set())}


@pytest.mark.parametrize("module", sorted(SPECS))
def test_every_documented_argument_is_there_with_its_aliases(module: str) -> None:
    ours = SPECS[module].arguments
    theirs = documented(module)
    assert set(theirs) - set(ours) == set()
    assert set(ours) - set(theirs) == UNDOCUMENTED.get(module, set())
    for name, option in theirs.items():
        assert set(option.get("aliases") or []) - set(ours[name].aliases) == set(), name


@pytest.mark.parametrize("module", sorted(SPECS))
def test_types_defaults_and_choices_agree_with_the_documentation(module: str) -> None:
    for name, option in documented(module).items():
        ours = SPECS[module].arguments[name]
        if (module, name) not in REQUIRED_SOMETIMES:
            assert bool(option.get("required")) == ours.required, name
        if option.get("choices") and (module, name) not in IN_WORDS:
            assert sorted(map(str, option["choices"])) == sorted(ours.choices), name
        default = option.get("default")
        if default is None or (module, name) in IN_WORDS:
            continue
        wanted = SAME.get(default, default) if ours.type == "bool" else default
        has = list(ours.default) if isinstance(ours.default, tuple) else ours.default
        assert (has if isinstance(wanted, list) or not isinstance(has, list) else has[0]) == wanted, name


@pytest.mark.parametrize("module", sorted(SPECS))
def test_types_agree_with_the_documentation(module: str) -> None:
    looser = {("assert", "that"), ("copy", "content"), ("debug", "msg"), ("debug", "var"), ("set_fact", "key_value")}
    looser |= {("shell", "executable"), ("setup", "fact_path"), ("fetch", "src")}
    for name, option in documented(module).items():
        ours = SPECS[module].arguments[name]
        if (module, name) not in looser:
            assert ours.type == option.get("type", "str"), name


def test_check_mode_support_is_what_the_documentation_says() -> None:
    for module, spec in SPECS.items():
        support = documentation(module)["attributes"]["check_mode"]["support"]
        assert spec.check_mode == ("full" if support == "N/A" else support), module


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("copy", "copy"),
        ("ansible.builtin.copy", "copy"),
        ("ansible.legacy.copy", "copy"),
        ("systemd_service", "systemd"),
        ("ansible.builtin.systemd_service", "systemd"),
        ("gather_facts", "setup"),
        ("dnf", None),
        ("copi", None),
        ("community.general.copy", None),
    ],
)
def test_names_of_modules(written: str, meant: str | None) -> None:
    assert canonical(written) == meant


@pytest.mark.parametrize(
    "name", ["dnf", "yum", "zypper", "pacman", "ansible.builtin.dnf", "community.general.ufw", "seport", "cron"]
)
def test_well_known_modules_of_others_are_known(name: str) -> None:
    assert name in KNOWN_ELSEWHERE


def test_what_we_have_is_not_called_known_elsewhere() -> None:
    assert not KNOWN_ELSEWHERE & set(SPECS)


def test_every_module_of_ansible_core_is_ours_or_known() -> None:
    includes = {
        "import_playbook",
        "import_role",
        "import_tasks",
        "include_role",
        "include_tasks",
        "meta",
        "gather_facts",
    }
    theirs = {path.stem for path in Path(ansible.modules.__file__).parent.glob("[a-z]*.py")}
    theirs -= includes | {"async_wrapper", "systemd_service"}
    assert theirs - set(SPECS) - KNOWN_ELSEWHERE == set()


def test_every_spec_of_the_target_has_a_module() -> None:
    folder = Path(__file__).parents[3] / "provision" / "agent" / "modules"
    for name, spec in SPECS.items():
        assert (spec.where == "target") == (folder / f"{name}.py").is_file(), name


def good(name: str, spec: ModuleSpec) -> dict[str, Any]:
    samples = {"int": 1, "path": "/x", "list": ["x"], "dict": {}, "bool": True, "raw": "x", "float": 1.0, "str": "x"}
    values = {key: samples[argument.type] for key, argument in spec.arguments.items() if argument.required}
    for names in spec.required_one_of:
        values.setdefault(names[0], samples[spec.arguments[names[0]].type])
    for key in list(values):
        if spec.arguments[key].choices:
            values[key] = spec.arguments[key].choices[0]
    return {**values, **({"name": "x"} if name == "systemd" else {}), **({"dest": "/x"} if name == "git" else {})}


@pytest.mark.parametrize("module", sorted(SPECS))
def test_what_cannot_be_honoured_is_refused_and_not_ignored(module: str) -> None:
    spec = SPECS[module]
    parse(module, spec, good(module, spec))
    for name, argument in spec.arguments.items():
        if argument.refused:
            with pytest.raises(Failed, match="refused"):
                parse(module, spec, {**good(module, spec), name: True if argument.type == "bool" else "something"})
