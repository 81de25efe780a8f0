"""Checks a task's arguments against its module's, before any host is touched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provision.agent.specs import SPECS, Argument, ModuleSpec
from provision.playbook.jinja import is_template
from provision.playbook.problems import kind_of

_WORDS = ("yes", "no", "true", "false", "on", "off", "1", "0", "y", "n", "t", "f")

Fault = tuple[str, str, tuple[str, ...]]
"""What is wrong, the wrong word, and the right ones."""

CONTROL: Mapping[str, ModuleSpec] = {
    "meta": ModuleSpec({}, where="controller", free_form=True),
    "include_tasks": ModuleSpec({"file": Argument(), "apply": Argument("dict")}, "controller", free_form=True),
    "import_tasks": ModuleSpec({"file": Argument()}, "controller", free_form=True),
    "include_vars": ModuleSpec(
        {
            "file": Argument("path"),
            "dir": Argument("path"),
            "name": Argument(),
            "depth": Argument("int"),
            "files_matching": Argument(),
            "ignore_files": Argument("list"),
            "extensions": Argument("list"),
            "ignore_unknown_extensions": Argument("bool", False),
            "hash_behaviour": Argument("str", None, ("replace", "merge")),
        },
        "controller",
        free_form=True,
    ),
    **{
        name: ModuleSpec(
            {
                "name": Argument(required=True, aliases=("role",)),
                **{f"{kind}_from": Argument() for kind in ("tasks", "vars", "defaults", "handlers")},
                "allow_duplicates": Argument("bool", True),
                "public": Argument("bool"),
                "rolespec_validate": Argument("bool", True),
                **({"apply": Argument("dict")} if name == "include_role" else {}),
            },
            "controller",
        )
        for name in ("include_role", "import_role")
    },
}
"""Words that are written like modules and that the controller does itself."""


def spec_of(action: str) -> ModuleSpec | None:
    """The arguments of an action, by its short name."""
    return CONTROL.get(action) or SPECS.get(action)


def normalised(spec: ModuleSpec, args: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments under their own names instead of aliases."""
    spelled = spec.spelled()
    return {spelled.get(name, name): value for name, value in args.items()}


def faults(action: str, spec: ModuleSpec, args: Mapping[str, Any]) -> list[Fault]:
    """Everything that is wrong with the arguments, as far as it can be known before templates are rendered."""
    found = [*_unknown(action, spec, args), *_doubled(spec, args)]
    own = normalised(spec, args)
    found += [fault for name, value in own.items() if name in spec.arguments for fault in _value(name, value, spec)]
    return [*found, *_missing(action, spec, own), *_together(spec, own)]


def _unknown(action: str, spec: ModuleSpec, args: Mapping[str, Any]) -> list[Fault]:
    if spec.any_argument:
        return []
    known = tuple(spec.spelled())
    return [
        (f"`{name}` is not an argument of `{action}`", name, known)
        for name in args
        if name not in known and not (name == "_raw_params" and spec.free_form)
    ]


def _doubled(spec: ModuleSpec, args: Mapping[str, Any]) -> list[Fault]:
    seen: dict[str, str] = {}
    found: list[Fault] = []
    for name, own in ((name, spec.spelled().get(name, name)) for name in args):
        if own in seen:
            found.append((f"`{seen[own]}` and `{name}` are the same argument", "", ()))
        seen[own] = name
    return found


def _value(name: str, value: Any, spec: ModuleSpec) -> list[Fault]:
    argument = spec.arguments[name]
    if value is None or _templated(value):
        return []
    if argument.refused and value != argument.default:
        return [(f"`{name}` is known to Ansible, not done by provision: {argument.refused}", "", ())]
    if argument.choices:
        return _choice(name, value, argument)
    if argument.type == "bool" and str(value).lower() not in (*_WORDS, "1.0", "0.0"):
        return [(f"`{name}` is yes or no, not `{value}`", "", ())]
    if argument.type == "int" and not _is_int(value):
        return [(f"`{name}` is a whole number, not `{value}`", "", ())]
    if argument.type == "dict" and not isinstance(value, (dict, str)):
        return [(f"`{name}` takes a mapping, not {kind_of(value)}", "", ())]
    return []


def _choice(name: str, value: Any, argument: Argument) -> list[Fault]:
    given = value if isinstance(value, list) else str(value).split(",") if argument.type == "list" else [value]
    choices = [str(choice) for choice in argument.choices]
    plain = [one for one in given if not isinstance(one, bool) and not _templated(one)]
    wrong = [one for one in plain if not {str(one), str(one).strip()} & set(choices)]
    return [(f"`{name}` is one of {', '.join(choices)}, not `{one}`", str(one), tuple(choices)) for one in wrong]


def _is_int(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    try:
        return float(value) == int(float(value))
    except (TypeError, ValueError, OverflowError):
        return False


def _templated(value: Any) -> bool:
    if isinstance(value, str):
        return is_template(value)
    return isinstance(value, list) and any(_templated(element) for element in value)


def _missing(action: str, spec: ModuleSpec, args: Mapping[str, Any]) -> list[Fault]:
    given = {name for name, value in args.items() if value is not None}
    found: list[Fault] = [
        (f"`{action}` needs the argument `{name}`", "", ())
        for name, argument in spec.arguments.items()
        if argument.required and name not in given
    ]
    for names in spec.required_one_of:
        if not given & set(names):
            found.append((f"`{action}` needs one of the arguments {_listed(names)}", "", ()))
    for name, value, needed in spec.required_if:
        lacking = [one for one in needed if one not in given]
        if str(args.get(name)) == str(value) and name in given and lacking:
            found.append((f"`{action}` with `{name}: {value}` needs {_listed(tuple(lacking))}", "", ()))
    for name, needed_name in spec.required_by:
        if name in given and needed_name not in given:
            found.append((f"`{name}` needs `{needed_name}` beside it", "", ()))
    return found


def _together(spec: ModuleSpec, args: Mapping[str, Any]) -> list[Fault]:
    """Arguments that exclude each other; a template may still turn out to be `omit`."""
    given = {name for name, value in args.items() if value is not None and not _templated(value)}
    clashes = [[name for name in names if name in given] for names in spec.mutually_exclusive]
    return [(f"{_listed(tuple(names))} exclude each other", "", ()) for names in clashes if len(names) > 1]


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
