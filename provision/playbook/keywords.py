"""The keywords of plays, blocks, tasks and roles: which there are, what each takes, and those that are not done yet."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from provision.inventory.documents import Document, Location
from provision.playbook.jinja import is_template
from provision.playbook.problems import Notebook, kind_of

_TRUE = ("yes", "true", "on", "y", "t", "1")
_FALSE = ("no", "false", "off", "n", "f", "0")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Convert = Callable[[Any], Any]


def conditions(value: Any) -> tuple[Any, ...]:
    """One condition or a list of them."""
    if isinstance(value, (list, tuple)):
        return tuple(value)
    if isinstance(value, Mapping):
        raise ValueError("takes a condition or a list of conditions; quote an expression that begins with `{`")
    return () if value is None else (value,)


def flag(value: Any) -> Any:
    """True or false, also as a word; or a template that gives one."""
    if isinstance(value, bool) or value is None:
        return value
    word = str(value).lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    if isinstance(value, str) and is_template(value):
        return value
    raise ValueError(f"is yes or no, not `{value}`")


def number(value: Any) -> Any:
    """A number, also as text; or a template that gives one."""
    if isinstance(value, str) and is_template(value):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value.strip()):
        return float(value) if "." in value else int(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    raise ValueError(f"is a number, not `{value}`")


def text(value: Any) -> str:
    if isinstance(value, (Mapping, list)):
        raise ValueError(f"is text, not {kind_of(value)}")
    return "" if value is None else str(value)


def optional_text(value: Any) -> str | None:
    return None if value is None else text(value)


def texts(value: Any) -> tuple[str, ...]:
    """One text or a list of them."""
    if isinstance(value, Mapping):
        raise ValueError("takes text or a list of texts, not a mapping")
    values = value if isinstance(value, (list, tuple)) else [] if value is None else [value]
    return tuple(text(entry) for entry in values)


def tags(value: Any) -> frozenset[str]:
    """Tags: a list, or text separated by commas."""
    return frozenset(tag.strip() for entry in texts(value) for tag in entry.split(",") if tag.strip())


def variable_name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(f"`{value}` is not the name of a variable (letters, digits and _, no digit first)")
    return value


def variables(value: Any) -> Mapping[str, Any]:
    """A mapping of variables, or a list of such mappings."""
    parts = value if isinstance(value, list) else [] if value is None else [value]
    merged: dict[str, Any] = {}
    for part in parts:
        if not isinstance(part, Mapping):
            raise ValueError(f"takes a mapping of names to values, not {kind_of(value)}")
        merged.update({variable_name(name): entry for name, entry in part.items()})
    return merged


def environment(value: Any) -> tuple[Any, ...]:
    """A mapping, a list of mappings, or a template that gives one."""
    parts = value if isinstance(value, list) else [] if value is None else [value]
    for part in parts:
        if not isinstance(part, Mapping) and not (isinstance(part, str) and is_template(part)):
            raise ValueError(f"takes a mapping of names to values, not {kind_of(part)}")
    return tuple(parts)


def anything(value: Any) -> Any:
    return value


SETTINGS: Mapping[str, Convert] = {
    "become": flag,
    "become_user": optional_text,
    "ignore_errors": flag,
    "no_log": flag,
    "check_mode": flag,
    "diff": flag,
    "run_once": flag,
}
"""Keywords that may stand anywhere; the innermost counts. Each is a field of Task."""

AROUND: Mapping[str, Convert] = {
    **SETTINGS,
    "name": text,
    "tags": tags,
    "vars": variables,
    "environment": environment,
}

CONDITIONAL: Mapping[str, Convert] = {**AROUND, "when": conditions, "delegate_to": optional_text}

BLOCK: Mapping[str, Convert] = {
    **CONDITIONAL,
    "notify": texts,
    "block": anything,
    "rescue": anything,
    "always": anything,
}

OWN: Mapping[str, Convert] = {
    "async": number,
    "changed_when": conditions,
    "delay": number,
    "failed_when": conditions,
    "listen": texts,
    "poll": number,
    "register": variable_name,
    "retries": number,
    "until": conditions,
}
"""Keywords of one task that nothing inherits; each is a field of Task."""

TASK: Mapping[str, Convert] = {
    **CONDITIONAL,
    **{word: convert for word, convert in OWN.items() if word != "listen"},
    "notify": texts,
    "action": anything,
    "local_action": anything,
    "args": anything,
    "loop": anything,
    "loop_control": anything,
}

HANDLER: Mapping[str, Convert] = {**TASK, "listen": texts}

INCLUDE = frozenset(
    [
        "action",
        "args",
        "debugger",
        "ignore_errors",
        "loop",
        "loop_control",
        "name",
        "no_log",
        "register",
        "run_once",
        "tags",
        "timeout",
        "vars",
        "when",
    ]
)
"""Keywords that mean something on include_tasks and include_role itself; the rest goes into `apply`."""

ROLE: Mapping[str, Convert] = {**CONDITIONAL, "role": text, "name": text, "src": text}

PLAY: Mapping[str, Convert] = {
    **AROUND,
    "hosts": anything,
    "gather_facts": flag,
    "vars_files": anything,
    "pre_tasks": anything,
    "roles": anything,
    "tasks": anything,
    "post_tasks": anything,
    "handlers": anything,
    "force_handlers": flag,
    "connection": text,
    "remote_user": text,
    "user": text,
    "port": number,
    "strategy": text,
    "become_method": text,
    "collections": texts,
}

IMPORT_PLAYBOOK: Mapping[str, Convert] = {
    "import_playbook": anything,
    "name": text,
    "tags": tags,
    "vars": variables,
    "when": conditions,
}

LOOP_CONTROL: Mapping[str, Convert] = {
    "loop_var": variable_name,
    "index_var": variable_name,
    "label": anything,
    "pause": number,
    "extended": flag,
    "extended_allitems": flag,
}

ALLOWED_VALUES: Mapping[str, tuple[str, ...]] = {
    "strategy": ("linear", "ansible.builtin.linear"),
    "become_method": ("sudo", "ansible.builtin.sudo"),
    "connection": ("ssh", "smart", "paramiko", "paramiko_ssh", "local", "ansible.builtin.ssh", "ansible.builtin.local"),
}
"""Keywords of which only some values are done."""

LATER = frozenset(
    [
        "any_errors_fatal",
        "become_exe",
        "become_flags",
        "become_method",
        "collections",
        "connection",
        "debugger",
        "delegate_facts",
        "fact_path",
        "gather_subset",
        "gather_timeout",
        "ignore_unreachable",
        "max_fail_percentage",
        "module_defaults",
        "order",
        "port",
        "remote_user",
        "serial",
        "strategy",
        "throttle",
        "timeout",
        "vars_prompt",
        "validate_argspec",
        "break_when",
    ]
)
"""Keywords that Ansible has and provision does not do yet, where a table above does not have them."""

LOOKUP_LOOPS = frozenset(
    [
        "dict",
        "fileglob",
        "first_found",
        "flattened",
        "indexed_items",
        "lines",
        "list",
        "nested",
        "cartesian",
        "random_choice",
        "sequence",
        "subelements",
        "together",
    ]
)
"""What may follow `with_`, besides `items`: a lookup whose answers are the elements."""


def converted(
    said: Mapping[Any, Any],
    table: Mapping[str, Convert],
    document: Document,
    notes: Notebook,
    at: Location | None = None,
) -> dict[str, Any]:
    """The values of the keywords in a mapping; one that makes no sense is noted and left out."""
    values: dict[str, Any] = {}
    for key, value in said.items():
        if key in table:
            try:
                values[key] = table[key](value)
            except ValueError as error:
                notes.fault(at or document.where(said, key), f"`{key}` {error}")
    return values


def refuse(key: Any, where: Location, known: Mapping[str, Any], what: str, notes: Notebook) -> None:
    """Notes a key that is no keyword here, or not yet."""
    if key in LATER:
        notes.fault(where, f"`{key}` is known to Ansible, not done by provision yet")
    else:
        notes.fault(where, f"`{key}` is not a keyword of {what}", str(key), known)
