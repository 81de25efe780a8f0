"""Finds the module that a task names, and its arguments, in every form that Ansible allows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provision.agent.specs import KNOWN_ELSEWHERE, SPECS, canonical
from provision.inventory.documents import Document, Location
from provision.inventory.places import is_file
from provision.playbook import arguments
from provision.playbook.freeform import key_values, words
from provision.playbook.keywords import LATER, LOOKUP_LOOPS
from provision.playbook.problems import Notebook, kind_of

_PREFIXES = ("ansible.builtin.", "ansible.legacy.")
_COMMANDS = frozenset({"command", "shell", "raw", "script", "win_command", "win_shell", "expect"})
_WRITTEN = ("action", "local_action")


@dataclass(frozen=True)
class Action:
    """What a task does. `lacking`: Ansible has the module, provision has not. `local`: written as `local_action`."""

    name: str
    args: Mapping[str, Any]
    lacking: bool = False
    local: bool = False


@dataclass(frozen=True)
class About:
    """Where a task stands: folders that may hold modules of its own, and whether it may fail without harm.

    Where a failure is caught, arguments that make no sense are left to fail on the host, as in Ansible.
    """

    libraries: tuple[Path, ...] = ()
    may_fail: bool = False


def short_name(word: str) -> str | None:
    """The short name of a module or control word; None when nobody knows it."""
    bare = next((word[len(prefix) :] for prefix in _PREFIXES if word.startswith(prefix)), word)
    if bare in arguments.CONTROL:
        return bare
    found = canonical(word)
    if found:
        return found
    if word in KNOWN_ELSEWHERE or word.startswith("win_"):
        return word
    if bare in KNOWN_ELSEWHERE:
        return bare
    return word if word.count(".") >= 2 and not word.startswith(_PREFIXES) else None


@dataclass(frozen=True)
class ActionReader:
    """Reads what one task does; everything wrong goes to `notes`."""

    document: Document
    keywords: Mapping[str, Any]
    notes: Notebook
    about: About = About()

    def read(self, said: Mapping[str, Any]) -> Action | None:
        """The action of a task; None when there is none that makes sense."""
        modules = [key for key in said if isinstance(key, str) and key not in self.keywords and self._name(key)]
        written = [key for key in _WRITTEN if key in said]
        strange = [key for key in said if key not in self.keywords and key not in modules and not _is_loop(key)]
        named = [*written, *modules]
        if len(named) > 1:
            both = " and ".join(f"`{key}`" for key in named)
            self.notes.fault(self.document.where(said, named[1]), f"one task does one thing, this one has {both}")
            return None
        self._refuse(strange, bool(named), said)
        if not named:
            if not strange:
                self.notes.fault(self.document.where(said), "this task names no module")
            return None
        return self._action(named[0], said, self.document.where(said, named[0]))

    def _name(self, word: str) -> str | None:
        """The short name of a module, also of one that lies in a `library` folder of the playbook or role."""
        found = short_name(word)
        if found or not word.isidentifier():
            return found
        files = (folder / f"{word}{ending}" for folder in self.about.libraries for ending in (".py", ""))
        return word if any(map(is_file, files)) else None

    def _refuse(self, strange: Iterable[Any], has_module: bool, said: Mapping[str, Any]) -> None:
        for key in strange:
            where = self.document.where(said, key)
            if key in LATER:
                self.notes.fault(where, f"`{key}` is known to Ansible, not done by provision yet")
            elif key == "listen":
                self.notes.fault(where, "`listen` belongs to handlers")
            elif has_module:
                self.notes.fault(where, f"`{key}` is not a keyword of a task", str(key), [*self.keywords, *_loops()])
            else:
                self._no_module(str(key), where, self.keywords)

    def _no_module(self, word: str, where: Location, more: Iterable[str] = ()) -> None:
        if "{{" in word:
            told = f"the name of a module out of a variable (`{word}`) is known to Ansible, not done by provision yet"
            self.notes.fault(where, told)
            return
        known = [*SPECS, *arguments.CONTROL, *KNOWN_ELSEWHERE, *more]
        self.notes.fault(where, f"there is no module `{word}`", word, known)

    def _action(self, key: str, said: Mapping[str, Any], where: Location) -> Action | None:
        word, value = key, said[key]
        if key in _WRITTEN:
            split = self._split(value, where)
            if split is None:
                return None
            word, value = split
        name = self._name(word)
        if name is None:
            self._no_module(word, where)
            return None
        given = self._given(name, value, said.get("args"), where)
        return None if given is None else self._checked(name, given, key == "local_action", where)

    def _split(self, value: Any, where: Location) -> tuple[str, Any] | None:
        """The module and its arguments, out of `action: copy src=a` or `action: {module: copy, src: a}`."""
        if isinstance(value, str) and value.strip():
            word, _, rest = value.strip().partition(" ")
            return word, rest or None
        if isinstance(value, Mapping) and isinstance(value.get("module"), str) and value["module"].strip():
            word, *inline = words(value["module"])
            named = {key: entry for key, entry in value.items() if key not in ("module", "args")}
            nested = value.get("args")
            more = nested if isinstance(nested, Mapping) else {}
            return word, {**key_values(" ".join(inline), word in _COMMANDS), **named, **more}
        told = "`action` takes a module and its arguments: `copy src=a dest=b` or {module: copy, src: a, dest: b}"
        self.notes.fault(where, told)
        return None

    def _given(self, name: str, value: Any, beside: Any, where: Location) -> dict[str, Any] | None:
        """The arguments: those of `args`, under those of the module itself."""
        if isinstance(beside, str) or (isinstance(value, str) and _is_bare(name, value)):
            told = 'arguments out of one variable (`args: "{{ ... }}"`) are known to Ansible, not done by provision yet'
            self.notes.fault(where, told)
            return None
        if beside is not None and not isinstance(beside, Mapping):
            self.notes.fault(where, f"`args` takes a mapping, not {kind_of(beside)}")
            return None
        own = self._own(name, value, where)
        return None if own is None else {**(beside or {}), **own}

    def _own(self, name: str, value: Any, where: Location) -> dict[str, Any] | None:
        if isinstance(value, Mapping):
            return {str(key): entry for key, entry in value.items()}
        if isinstance(value, list):
            self.notes.fault(where, f"`{name}` takes a mapping of arguments, not a list")
            return None
        if value is None:
            return {}
        try:
            return dict(key_values(value, name in _COMMANDS)) if isinstance(value, str) else {"_raw_params": str(value)}
        except ValueError as error:
            self.notes.fault(where, f"the arguments of `{name}` cannot be read: {error}")
            return None

    def _checked(self, name: str, args: dict[str, Any], local: bool, where: Location) -> Action:
        spec = arguments.spec_of(name)
        if spec is None:
            told = f"the module `{name}` is known to Ansible, not to provision; the task fails where it would run"
            self.notes.warn(where, told)
            return Action(name, args, lacking=True, local=local)
        text = args.get("_raw_params")
        if text is not None and not spec.free_form:
            self.notes.fault(where, f"`{name}` takes arguments by name, not the text `{str(text).strip()}`")
            args = {key: value for key, value in args.items() if key != "_raw_params"}
        for told, word, known in arguments.faults(name, spec, args):
            if self.about.may_fail:
                self.notes.warn(where, f"{told}; the task fails where it runs")
            else:
                self.notes.fault(where, told, word, known)
        return Action(name, arguments.normalised(spec, args), local=local)


def _is_loop(key: Any) -> bool:
    return isinstance(key, str) and key.startswith("with_")


def _loops() -> list[str]:
    return [f"with_{name}" for name in ("items", *LOOKUP_LOOPS)]


def _is_bare(name: str, value: str) -> bool:
    """Whether the whole text of a module that takes no text is one template."""
    spec = arguments.spec_of(name)
    text = value.strip()
    return spec is not None and not spec.free_form and text.startswith("{{") and text.endswith("}}")
