"""Reads inventories written in YAML: groups with `hosts`, `children` and `vars`."""

from __future__ import annotations

from typing import Any

from provision.inventory.addresses import expand
from provision.inventory.documents import Document, nearest
from provision.inventory.draft import Draft

_KEYS = ("hosts", "children", "vars")


def read_yaml(document: Document, draft: Draft) -> None:
    """Adds everything that a document says to the draft."""
    draft.faults.extend(document.faults)
    if document.value is None:
        return
    if not isinstance(document.value, dict):
        draft.fault(document.where(document.value), "an inventory is a mapping of groups; this is none")
    elif "plugin" in document.value:
        where = document.where(document.value, "plugin")
        draft.fault(
            where, f"the inventory plugin `{document.value['plugin']}` is known to Ansible, not done by provision"
        )
    else:
        for name, said in document.value.items():
            _group(name, said, document.value, document, draft)


def _group(name: Any, said: Any, container: Any, document: Document, draft: Draft) -> None:
    where = document.where(container, name)
    if not isinstance(name, str) or not name:
        draft.fault(where, f"a group's name is text; quote `{name}`")
        return
    draft.group(name, where)
    if said is None:
        return
    if not isinstance(said, dict):
        draft.fault(where, f"the group `{name}` takes a mapping with `hosts`, `children` or `vars`")
        return
    for key in said:
        _section(name, key, said, document, draft)


def _section(group: str, key: Any, said: dict[Any, Any], document: Document, draft: Draft) -> None:
    where = document.where(said, key)
    if key not in _KEYS:
        text = f"`{key}` is not a key of a group (group `{group}`); there are hosts, children and vars"
        draft.fault(where, text, nearest(str(key), _KEYS))
        return
    value = {said[key]: None} if isinstance(said[key], str) else said[key]
    if value is None:
        return
    if not isinstance(value, dict):
        draft.fault(where, f"`{key}` of the group `{group}` takes a mapping" + _colon_hint(key))
        return
    {"hosts": _hosts, "children": _children, "vars": _vars}[key](group, value, document, draft)


def _colon_hint(key: str) -> str:
    return "" if key == "vars" else f": write each of the {key} with a colon at its end"


def _vars(group: str, values: dict[Any, Any], document: Document, draft: Draft) -> None:
    for key, value in values.items():
        draft.set_group_variable(group, str(key), value, document.where(values, key))


def _children(group: str, values: dict[Any, Any], document: Document, draft: Draft) -> None:
    for child, said in values.items():
        _group(child, said, values, document, draft)
        if child in draft.groups:
            draft.groups[group].children.setdefault(child, document.where(values, child))


def _hosts(group: str, values: dict[Any, Any], document: Document, draft: Draft) -> None:
    for pattern, variables in values.items():
        where = document.where(values, pattern)
        if not isinstance(pattern, str) or not pattern:
            draft.fault(where, f"a host's name is text; quote `{pattern}`")
        elif not isinstance(variables, (dict, type(None))):
            draft.fault(where, f"the host `{pattern}` takes a mapping of variables, or nothing")
        else:
            try:
                names, port = expand(pattern)
            except ValueError as error:
                draft.fault(where, str(error))
                continue
            for name in names:
                draft.host(name, group, port, variables)
