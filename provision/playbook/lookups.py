"""Ansible's lookups: data for templates from the controller (files, environment, lists, generated values)."""

from __future__ import annotations

import glob
import itertools
import os
import random
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from provision.errors import ProvisionError, UsageProblem
from provision.inventory.documents import nearest, read_text
from provision.inventory.places import is_file
from provision.playbook import passwords, shells
from provision.playbook.files import find
from provision.playbook.filters.data import flatten
from provision.playbook.filters.data import subelements as sub_elements
from provision.playbook.filters.text import as_bool
from provision.playbook.jinja import Missing, NativeText, TemplateProblem, UndefinedVariable, from_text
from provision.playbook.scope import Renderer
from provision.playbook.sequences import sequence

Answer = list[Any]
Lookup = Callable[[Renderer, list[Any], dict[str, Any]], Answer]

REFUSED = {
    "config": "it reads Ansible's own settings",
    "csvfile": "it comes with a later version of provision",
    "ini": "it comes with a later version of provision",
    "inventory_hostnames": "use `groups[...]`",
    "unvault": "ansible-vault comes with a later version of provision",
    "url": "use the module `uri`",
}


def look_up(templar: Renderer, name: str, terms: list[Any], options: dict[str, Any]) -> Answer | None:
    """The answers of a lookup. With `errors=ignore` (or warn) a failure is an empty answer."""
    short = name.removeprefix("ansible.builtin.")
    errors = options.pop("errors", "strict")
    if short in REFUSED:
        raise TemplateProblem(f"the lookup `{name}` is known to Ansible, not done by provision: {REFUSED[short]}")
    if short not in LOOKUPS:
        near = nearest(short, LOOKUPS)
        raise TemplateProblem(f"there is no lookup `{name}`", hint=f"did you mean `{near}`?" if near else "")
    try:
        return LOOKUPS[short](templar, terms, options)
    except UndefinedVariable:
        raise
    except (ProvisionError, OSError, ValueError, TypeError) as error:
        if errors in ("ignore", "warn"):
            return None
        reason = error.what if isinstance(error, ProvisionError) else str(error)
        raise TemplateProblem(f"the lookup `{name}` failed: {reason}") from error


def _found(templar: Renderer, folder: str, name: Any) -> Path:
    path = find(templar.search, folder, str(name))
    if path is None:
        places = ", ".join(str(place) for place in templar.search) or "no folder"
        raise UsageProblem(f"the file `{name}` is not there (searched in {places})")
    return path


def file(templar: Renderer, terms: list[Any], options: dict[str, Any]) -> Answer:
    """The text of files of the controller, without the whitespace at its end."""
    texts = [read_text(_found(templar, "files", term)) for term in terms]
    texts = [text.rstrip() if options.get("rstrip", True) else text for text in texts]
    return [text.lstrip() if options.get("lstrip", False) else text for text in texts]


def template(templar: Renderer, terms: list[Any], options: dict[str, Any]) -> Answer:
    """Rendered template files."""
    keep = options.pop("convert_data", True)
    extra = options.pop("template_vars", {}) or {}
    texts = [templar.over(extra).render_file(_found(templar, "templates", term), options) for term in terms]
    return [from_text(text) if keep else NativeText(text) for text in texts]


def env(templar: Renderer, terms: list[Any], options: dict[str, Any]) -> Answer:
    """Variables of the controller's environment; empty, or `default`, where one is not set."""
    found = [os.environ.get(str(term).split()[0], options.get("default", "")) for term in terms]
    if any(isinstance(value, Missing) for value in found):
        raise UndefinedVariable(f"the environment has no variable {terms[0]}")
    return found


def fileglob(templar: Renderer, terms: list[Any], options: dict[str, Any]) -> Answer:
    """Files of the controller that match; the first folder of the search path that has any."""
    return list(itertools.chain.from_iterable(_globbed(templar, str(term)) for term in terms))


def _globbed(templar: Renderer, pattern: str) -> list[str]:
    folder, name = os.path.split(pattern)
    places = [find(templar.search, "files", folder)] if folder else _places(templar.search)
    for place in filter(None, places):
        # Not Path.glob: a star must not match hidden files.
        found = glob.glob(str(Path(glob.escape(str(place))) / name))  # noqa: PTH207
        if any(is_file(Path(path)) for path in found):
            return [path for path in found if is_file(Path(path))]
    return []


def _places(search: Iterable[Path]) -> list[Path | None]:
    return [place for folder in search for place in (folder / "files", folder)]


def first_found(templar: Renderer, terms: list[Any], options: dict[str, Any]) -> Answer:
    """The first of several files that exists."""
    subfolder = options.pop("_subfolder", "files")
    wanted, skip = _wanted(terms or [options], options)
    for name in wanted:
        path = find(templar.search, subfolder, name)
        if path is not None:
            return [str(path.absolute())]
    if skip:
        return []
    raise UsageProblem(f"none of these files is there: {', '.join(wanted)}")


def _wanted(terms: list[Any], options: Mapping[str, Any]) -> tuple[list[str], bool]:
    names: list[str] = []
    skip = bool(options.get("skip", False))
    for term in terms:
        if isinstance(term, Mapping):
            names += _combined(_parts(term.get("paths", []), ",:;"), _parts(term.get("files", []), ",;"))
            skip = bool(term.get("skip", False))
        elif isinstance(term, str):
            names += _combined(_parts(options.get("paths", []), ",:;"), _parts(term, ",;"))
        elif isinstance(term, list):
            more, skip = _wanted(term, options)
            names += more
        else:
            raise TypeError(f"first_found takes names of files, not {type(term).__name__}")
    return names, skip


def _parts(value: Any, separators: str) -> list[str]:
    values = [value] if isinstance(value, str) else value
    return [part for text in values for part in re.split(f"[{separators}]", str(text)) if part]


def _combined(folders: list[str], names: list[str]) -> list[str]:
    return [str(Path(folder) / name) for folder in folders for name in names] if folders else names


def variables(templar: Renderer, terms: list[Any], options: dict[str, Any]) -> Answer:
    """Variables by their names."""
    return [_variable(templar, str(term), options) for term in terms]


def _variable(templar: Renderer, name: str, options: Mapping[str, Any]) -> Any:
    try:
        return templar.variable(name)
    except KeyError:
        if options.get("default") is None:
            raise UndefinedVariable(f"No variable found with this name: {name}") from None
    except UndefinedVariable:
        if options.get("default") is None:
            raise
    return options["default"]


def varnames(templar: Renderer, terms: list[Any], options: dict[str, Any]) -> Answer:
    """Names of variables that match regular expressions."""
    return [name for term in terms for name in templar.variables if re.search(str(term), name)]


def pipe(templar: Renderer, terms: list[Any], options: dict[str, Any]) -> Answer:
    """What commands on the controller print."""
    return [shells.output(str(term), _first(templar.search)) for term in terms]


def lines(templar: Renderer, terms: list[Any], options: dict[str, Any]) -> Answer:
    """The lines that commands on the controller print."""
    return [line for term in terms for line in shells.output(str(term), _first(templar.search)).splitlines()]


def _first(search: tuple[Path, ...]) -> Path:
    return search[-1] if search else Path()


def password(templar: Renderer, terms: list[Any], options: dict[str, Any]) -> Answer:
    """Passwords kept in files of the controller, made where they are missing."""
    return [passwords.password(str(term), options, _first(templar.search)) for term in terms]


def pairs(templar: Renderer, terms: list[Any], options: dict[str, Any]) -> Answer:
    """Mappings as lists of {key, value}."""
    for term in terms:
        if not isinstance(term, Mapping):
            raise TypeError(f"with_dict takes a mapping, not {type(term).__name__}")
    return [{"key": key, "value": term[key]} for term in terms for key in term]


def items(templar: Renderer, terms: list[Any], options: dict[str, Any]) -> Answer:
    """The terms as one list, lists in it opened once."""
    return list(itertools.chain.from_iterable(term if isinstance(term, (list, tuple)) else [term] for term in terms))


def as_list(templar: Renderer, terms: list[Any], options: dict[str, Any]) -> Answer:
    return list(terms)


def indexed_items(templar: Renderer, terms: list[Any], options: dict[str, Any]) -> Answer:
    return list(enumerate(items(templar, terms, options)))


def nested(templar: Renderer, terms: list[Any], options: dict[str, Any]) -> Answer:
    """Every combination of one element from each list."""
    if not terms:
        raise ValueError("with_nested needs at least one list")
    lists = [term if isinstance(term, (list, tuple)) else [term] for term in terms]
    return [_flat(combination) for combination in itertools.product(*lists)]


def _flat(values: Iterable[Any]) -> list[Any]:
    return list(itertools.chain.from_iterable(v if isinstance(v, (list, tuple)) else [v] for v in values))


def together(templar: Renderer, terms: list[Any], options: dict[str, Any]) -> Answer:
    """The first elements of all lists, the second ones, and so on; None where a list is shorter."""
    if not terms:
        raise ValueError("with_together needs at least one list")
    return [_flat(row) for row in itertools.zip_longest(*terms)]


def random_choice(templar: Renderer, terms: list[Any], options: dict[str, Any]) -> Answer:
    return [random.SystemRandom().choice(terms)] if terms else []


def subelements(templar: Renderer, terms: list[Any], options: dict[str, Any]) -> Answer:
    """Every element with each value of the list inside it."""
    flags = terms[2] if len(terms) > 2 and isinstance(terms[2], Mapping) else options
    pairs = sub_elements(_not_skipped(terms[0]), terms[1], as_bool(flags.get("skip_missing", False)))
    return [(_without(element, str(terms[1]).split(".")), value) for element, value in pairs]


def _not_skipped(values: Any) -> Any:
    """Elements that are not results of skipped tasks."""
    if isinstance(values, Mapping) and values.get("skipped"):
        return []
    elements = list(values.values()) if isinstance(values, Mapping) else values
    return [one for one in elements if not (isinstance(one, Mapping) and one.get("skipped"))]


def _without(element: Mapping[str, Any], steps: list[str]) -> dict[str, Any]:
    """The element without the list at the path: its values stand beside it."""
    kept = dict(element)
    if len(steps) == 1:
        kept.pop(steps[0], None)
    elif isinstance(kept.get(steps[0]), Mapping):
        kept[steps[0]] = _without(kept[steps[0]], steps[1:])
    return kept


def sequences(templar: Renderer, terms: list[Any], options: dict[str, Any]) -> Answer:
    return list(itertools.chain.from_iterable(sequence(str(term), options) for term in terms or [""]))


LOOKUPS: Mapping[str, Lookup] = {
    "dict": pairs,
    "env": env,
    "file": file,
    "fileglob": fileglob,
    "first_found": first_found,
    "flattened": lambda templar, terms, options: flatten(terms),
    "indexed_items": indexed_items,
    "items": items,
    "lines": lines,
    "list": as_list,
    "nested": nested,
    "password": password,
    "pipe": pipe,
    "random_choice": random_choice,
    "sequence": sequences,
    "subelements": subelements,
    "template": template,
    "together": together,
    "varnames": varnames,
    "vars": variables,
}
