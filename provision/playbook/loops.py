"""Reads `loop`, `with_...` and `loop_control`, and tells what a task sees of its loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from provision.inventory.documents import Document
from provision.playbook.keywords import LATER, LOOKUP_LOOPS, LOOP_CONTROL
from provision.playbook.problems import Notebook, kind_of
from provision.playbook.values import Loop, Raw

TERMS = "__loop_terms"
"""The variable that holds what stands behind `with_...`."""


@dataclass(frozen=True)
class LoopTerms:
    """A loop, and the variables that its elements are made of."""

    loop: Loop
    vars: Mapping[str, Raw] = field(default_factory=dict)


def read_loop(said: Mapping[Any, Any], document: Document, notes: Notebook) -> LoopTerms | None:
    """The loop of a task, if it has one."""
    given = [key for key in said if key == "loop" or (isinstance(key, str) and key.startswith("with_"))]
    control = _control(said, document, notes)
    if not given:
        return None
    if len(given) > 1:
        notes.fault(document.where(said, given[1]), f"a task has one loop, this one has `{given[0]}` and `{given[1]}`")
    key, value = given[0], said[given[0]]
    where = document.where(said, key)
    if value is None:
        notes.fault(where, f"`{key}` has nothing to go through")
        return None
    if key == "loop":
        if not isinstance(value, (list, str)):
            notes.fault(where, f"`loop` takes a list, or a template that gives one, not {kind_of(value)}")
        return LoopTerms(Loop(value, **control))
    kind = key.removeprefix("with_").removeprefix("ansible.builtin.")
    if kind == "items":
        return LoopTerms(Loop(value, flatten=True, **control))
    if kind not in LOOKUP_LOOPS:
        notes.fault(where, f"there is no loop `{key}`", key, [f"with_{name}" for name in ("items", *LOOKUP_LOOPS)])
        return None
    lookup = "nested" if kind == "cartesian" else kind
    items = f"{{{{ query('{lookup}', *({TERMS} | as_terms)) }}}}"
    return LoopTerms(Loop(items, **control), {TERMS: value})


def _control(said: Mapping[Any, Any], document: Document, notes: Notebook) -> dict[str, Any]:
    control = said.get("loop_control")
    if control is None:
        return {}
    if not isinstance(control, Mapping):
        notes.fault(document.where(said, "loop_control"), f"`loop_control` takes a mapping, not {kind_of(control)}")
        return {}
    found: dict[str, Any] = {}
    for key, value in control.items():
        where = document.where(control, key)
        if key in LATER:
            notes.fault(where, f"`{key}` is known to Ansible, not done by provision yet")
        elif key not in LOOP_CONTROL:
            notes.fault(where, f"`{key}` is not a key of loop_control", str(key), LOOP_CONTROL)
        else:
            try:
                found[_FIELDS.get(key) or key] = LOOP_CONTROL[key](value)
            except ValueError as error:
                notes.fault(where, f"`{key}` {error}")
    return found


_FIELDS = {"loop_var": "variable", "index_var": "index_variable"}


def loop_variables(loop: Loop, elements: Sequence[Any], index: int, extended: bool = False) -> dict[str, Any]:
    """What a task sees of its loop at one element, under Ansible's names. `extended`: loop_control's, rendered."""
    found: dict[str, Any] = {loop.variable: elements[index], "ansible_loop_var": loop.variable}
    if loop.index_variable:
        found |= {loop.index_variable: index, "ansible_index_var": loop.index_variable}
    if extended:
        found["ansible_loop"] = _extended(loop, elements, index)
    return found


def _extended(loop: Loop, elements: Sequence[Any], index: int) -> dict[str, Any]:
    length = len(elements)
    told: dict[str, Any] = {"index": index + 1, "index0": index, "first": index == 0, "last": index + 1 == length}
    told |= {"length": length, "revindex": length - index, "revindex0": length - index - 1}
    if loop.extended_allitems is not False:
        told["allitems"] = list(elements)
    if index:
        told["previtem"] = elements[index - 1]
    if index + 1 < length:
        told["nextitem"] = elements[index + 1]
    return told
