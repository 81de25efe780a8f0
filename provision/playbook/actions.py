"""Finds the module that a task names, and its arguments, in every form that Ansible allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from provision.agent.specs import KNOWN_ELSEWHERE, SPECS, canonical
from provision.inventory.documents import Document, Location
from provision.playbook import arguments
from provision.playbook.freeform import key_values, words
from provision.playbook.jinja import is_template
from provision.playbook.keywords import LATER, LOOKUP_LOOPS
from provision.playbook.problems import Notebook, kind_of

_PREFIXES = ("ansible.builtin.", "ansible.legacy.")
_COMMANDS = frozenset({"command", "shell", "raw", "script", "win_command", "win_shell", "expect"})


@dataclass(frozen=True)
class Action:
    """What a task does. `lacking`: Ansible has the module, provision has not. `local`: written as `local_action`."""

    name: str
    args: Mapping[str, Any]
    lacking: bool = False
    local: bool = False


def short_name(word: str) -> str | None:
    """The short name of a module or control word; None when nobody knows it."""
    bare = next((word[len(prefix) :] for prefix in _PREFIXES if word.startswith(prefix)), word)
    if bare in arguments.CONTROL:
        return bare
    found = canonical(word)
    if found:
        return found
    if word in KNOWN_ELSEWHERE:
        return word
    if bare in KNOWN_ELSEWHERE:
        return bare
    return word if word.count(".") >= 2 and not word.startswith(_PREFIXES) else None


def read_action(
    said: Mapping[str, Any], keywords: Mapping[str, Any], document: Document, notes: Notebook
) -> Action | None:
    """The action of a task; None when there is none that makes sense (then a fault is noted)."""
    modules = [key for key in said if isinstance(key, str) and key not in keywords and short_name(key)]
    written = [key for key in ("action", "local_action") if key in said]
    strange = [key for key in said if key not in keywords and key not in modules and not _is_loop(key)]
    where = document.where(said)
    if len(modules) + len(written) > 1:
        both = " and ".join(f"`{key}`" for key in [*written, *modules])
        notes.fault(document.where(said, [*written, *modules][1]), f"one task does one thing, this one has {both}")
        return None
    _refuse(strange, bool(modules or written), said, keywords, document, notes)
    if not modules and not written:
        if not strange:
            notes.fault(where, "this task names no module")
        return None
    key = (modules or written)[0]
    return _action(key, said, document.where(said, key), notes)


def _is_loop(key: Any) -> bool:
    return isinstance(key, str) and key.startswith("with_")


def _refuse(
    strange: list[Any],
    has_module: bool,
    said: Mapping[str, Any],
    keywords: Mapping[str, Any],
    document: Document,
    notes: Notebook,
) -> None:
    for key in strange:
        where = document.where(said, key)
        if key in LATER:
            notes.fault(where, f"`{key}` is known to Ansible, not done by provision yet")
        elif key == "listen":
            notes.fault(where, "`listen` belongs to handlers")
        elif has_module:
            notes.fault(where, f"`{key}` is not a keyword of a task", str(key), [*keywords, *_loops()])
        else:
            known = [*SPECS, *arguments.CONTROL, *KNOWN_ELSEWHERE, *keywords]
            notes.fault(where, f"there is no module `{key}`", str(key), known)


def _loops() -> list[str]:
    return [f"with_{name}" for name in ("items", *LOOKUP_LOOPS)]


def _action(key: str, said: Mapping[str, Any], where: Location, notes: Notebook) -> Action | None:
    value = said[key]
    local = key == "local_action"
    if key in ("action", "local_action"):
        split = _split(value, where, notes)
        if split is None:
            return None
        word, value = split
    else:
        word = key
    name = short_name(word)
    if name is None:
        notes.fault(where, f"there is no module `{word}`", word, [*SPECS, *arguments.CONTROL, *KNOWN_ELSEWHERE])
        return None
    given = _given(name, value, said.get("args"), where, notes)
    return None if given is None else _checked(name, given, local, where, notes)


def _split(value: Any, where: Location, notes: Notebook) -> tuple[str, Any] | None:
    """The module and its arguments, out of `action: copy src=a` or `action: {module: copy, src: a}`."""
    if isinstance(value, str) and value.strip():
        word, _, rest = value.strip().partition(" ")
        return word, rest or None
    if isinstance(value, Mapping) and isinstance(value.get("module"), str):
        word, *inline = words(value["module"])
        named = {key: entry for key, entry in value.items() if key not in ("module", "args")}
        nested = value.get("args")
        more = nested if isinstance(nested, Mapping) else {}
        return word, {**key_values(" ".join(inline), word in _COMMANDS), **named, **more}
    notes.fault(
        where, "`action` takes a module and its arguments: `copy src=a dest=b` or {module: copy, src: a, dest: b}"
    )
    return None


def _given(name: str, value: Any, beside: Any, where: Location, notes: Notebook) -> dict[str, Any] | None:
    """The arguments: those of `args`, under those of the module itself."""
    if isinstance(beside, str) or (isinstance(value, str) and is_template(value) and _is_bare(name, value)):
        notes.fault(
            where, 'arguments out of one variable (`args: "{{ ... }}"`) are known to Ansible, not done by provision yet'
        )
        return None
    if beside is not None and not isinstance(beside, Mapping):
        notes.fault(where, f"`args` takes a mapping, not {kind_of(beside)}")
        return None
    if isinstance(value, Mapping):
        own: Mapping[str, Any] = {str(key): entry for key, entry in value.items()}
    elif isinstance(value, str):
        try:
            own = key_values(value, name in _COMMANDS)
        except ValueError as error:
            notes.fault(where, f"the arguments of `{name}` cannot be read: {error}")
            return None
    elif value is None:
        own = {}
    elif isinstance(value, list):
        notes.fault(where, f"`{name}` takes a mapping of arguments, not a list")
        return None
    else:
        own = {"_raw_params": str(value)}
    return {**(beside or {}), **own}


def _is_bare(name: str, value: str) -> bool:
    """Whether the whole text of a module that takes no text is one template."""
    spec = arguments.spec_of(name)
    text = value.strip()
    return spec is not None and not spec.free_form and text.startswith("{{") and text.endswith("}}")


def _checked(name: str, args: dict[str, Any], local: bool, where: Location, notes: Notebook) -> Action:
    spec = arguments.spec_of(name)
    if spec is None:
        notes.warn(
            where, f"the module `{name}` is known to Ansible, not to provision; the task fails where it would run"
        )
        return Action(name, args, lacking=True, local=local)
    text = args.get("_raw_params")
    if text is not None and not spec.free_form:
        notes.fault(where, f"`{name}` takes arguments by name, not the text `{str(text).strip()}`")
        args = {key: value for key, value in args.items() if key != "_raw_params"}
    for told, word, known in arguments.faults(name, spec, args):
        notes.fault(where, told, word, known)
    return Action(name, arguments.normalised(spec, args), local=local)
