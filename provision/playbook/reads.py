"""Which variables templates and conditions read, found in their syntax trees; never fewer than they may read.

`*` in an answer means "anything": the template can reach every variable (`vars`, an included file, `lookup('vars')`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from jinja2 import TemplateError, nodes

from provision.inventory.documents import Unsafe
from provision.playbook.environments import parsed, parsed_condition, value_environment
from provision.playbook.jinja import is_template
from provision.playbook.values import Raw

ANYTHING = "*"
_NONE: frozenset[str] = frozenset()
_LOOKUPS = ("lookup", "query", "q")
_READ_VARIABLES = frozenset({"template", "vars", "varnames"})


def of_value(value: Raw) -> frozenset[str]:
    """What the templates in a value read."""
    if isinstance(value, str):
        return of_text(value) if is_template(value) and not isinstance(value, Unsafe) else _NONE
    if isinstance(value, Mapping):
        return _NONE.union(*(of_value(element) for element in value.values()))
    if isinstance(value, (list, tuple)):
        return _NONE.union(*(of_value(element) for element in value))
    return _NONE


@lru_cache(maxsize=8192)
def of_text(text: str) -> frozenset[str]:
    """What one template reads. What does not parse will fail where it is rendered, and reads nothing."""
    try:
        return frozenset(_names(parsed(text)))
    except (TemplateError, RecursionError):
        return _NONE


def of_condition(expression: Raw) -> frozenset[str]:
    """What a condition reads: an expression without braces, or a list of them."""
    if isinstance(expression, (list, tuple)):
        return _NONE.union(*(of_condition(element) for element in expression))
    if not isinstance(expression, str):
        return _NONE
    if is_template(expression):
        return of_text(expression) | {ANYTHING}
    return _of_expression(expression)


@lru_cache(maxsize=8192)
def _of_expression(expression: str) -> frozenset[str]:
    try:
        return frozenset(_names(parsed_condition(value_environment(), expression)))
    except (TemplateError, RecursionError):
        return _NONE


def _names(tree: nodes.Node) -> Iterator[str]:
    waiting: list[nodes.Node] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, nodes.Name):
            if node.ctx == "load":
                yield from (node.name, ANYTHING) if node.name == "vars" else (node.name,)
        elif isinstance(node, (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)) or _looks_up(node):
            yield ANYTHING
        waiting.extend(node.iter_child_nodes())


def _looks_up(node: nodes.Node) -> bool:
    """Whether this calls a lookup that may read any variable."""
    if not isinstance(node, nodes.Call) or not isinstance(node.node, nodes.Name) or node.node.name not in _LOOKUPS:
        return False
    first = node.args[0] if node.args else None
    if not isinstance(first, nodes.Const):
        return True
    return str(first.value).removeprefix("ansible.builtin.") in _READ_VARIABLES
