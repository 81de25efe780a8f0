"""Evaluates plain Jinja2 expressions from their syntax tree, without compiling them to Python first.

Most strings of a playbook are rendered once or twice; compiling one costs more than the rest of its task. What is not
handled here (statements, constants alone, rare nodes) is left to the compiled template, which is the reference.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Environment, nodes
from jinja2.runtime import Context
from jinja2.utils import missing

Evaluate = Callable[[Any, Context], Any]

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gteq": operator.ge,
    "lt": operator.lt,
    "lteq": operator.le,
    "in": lambda a, b: a in b,
    "notin": lambda a, b: a not in b,
}
_BINARY: Mapping[type[nodes.Node], Callable[[Any, Any], Any]] = {
    nodes.Add: operator.add,
    nodes.Sub: operator.sub,
    nodes.Mul: operator.mul,
    nodes.Div: operator.truediv,
    nodes.FloorDiv: operator.floordiv,
    nodes.Mod: operator.mod,
    nodes.Pow: operator.pow,
}
_PARTS = (nodes.Operand, nodes.Pair, nodes.Keyword)


def is_plain(expression: nodes.Node, environment: Environment) -> bool:
    """Whether `value_of` gives exactly what the compiled expression gives.

    An expression without any variable is left to the compiler: it folds constants before their type is looked at.
    """
    has_name = False
    waiting = [expression]
    while waiting:
        node = waiting.pop()
        if type(node) not in _EVALUATE and not isinstance(node, _PARTS):
            return False
        if isinstance(node, nodes.CondExpr) and node.expr2 is None:
            return False
        if isinstance(node, (nodes.Filter, nodes.Test, nodes.Call)) and not _is_plain_call(node, environment):
            return False
        has_name = has_name or isinstance(node, nodes.Name)
        waiting.extend(node.iter_child_nodes())
    return has_name


def _is_plain_call(node: nodes.Filter | nodes.Test | nodes.Call, environment: Environment) -> bool:
    if node.dyn_args is not None or node.dyn_kwargs is not None or node.node is None:
        return False
    if isinstance(node, nodes.Call):
        return True
    return node.name in (environment.filters if isinstance(node, nodes.Filter) else environment.tests)


def value_of(node: Any, context: Context) -> Any:
    """The value of a plain expression."""
    return _EVALUATE[type(node)](node, context)


def _const(node: nodes.Const, context: Context) -> Any:
    return node.value


def _name(node: nodes.Name, context: Context) -> Any:
    value = context.resolve_or_missing(node.name)
    return context.environment.undefined(name=node.name) if value is missing else value


def _getattr(node: nodes.Getattr, context: Context) -> Any:
    return context.environment.getattr(value_of(node.node, context), node.attr)


def _getitem(node: nodes.Getitem, context: Context) -> Any:
    container = value_of(node.node, context)
    if isinstance(node.arg, nodes.Slice):
        bounds = (node.arg.start, node.arg.stop, node.arg.step)
        return container[slice(*(None if bound is None else value_of(bound, context) for bound in bounds))]
    return context.environment.getitem(container, value_of(node.arg, context))


def _list(node: nodes.List, context: Context) -> Any:
    return [value_of(item, context) for item in node.items]


def _tuple(node: nodes.Tuple, context: Context) -> Any:
    return tuple(value_of(item, context) for item in node.items)


def _dict(node: nodes.Dict, context: Context) -> Any:
    return {value_of(pair.key, context): value_of(pair.value, context) for pair in node.items}


def _compare(node: nodes.Compare, context: Context) -> Any:
    left = value_of(node.expr, context)
    result: Any = True
    for operand in node.ops:
        right = value_of(operand.expr, context)
        result = _COMPARE[operand.op](left, right)
        if not result:
            return result
        left = right
    return result


def _and(node: nodes.And, context: Context) -> Any:
    return value_of(node.left, context) and value_of(node.right, context)


def _or(node: nodes.Or, context: Context) -> Any:
    return value_of(node.left, context) or value_of(node.right, context)


def _not(node: nodes.Not, context: Context) -> Any:
    return not value_of(node.node, context)


def _neg(node: nodes.Neg, context: Context) -> Any:
    return -value_of(node.node, context)


def _pos(node: nodes.Pos, context: Context) -> Any:
    return +value_of(node.node, context)


def _binary(node: nodes.BinExpr, context: Context) -> Any:
    return _BINARY[type(node)](value_of(node.left, context), value_of(node.right, context))


def _concat(node: nodes.Concat, context: Context) -> Any:
    return "".join([str(value_of(part, context)) for part in node.nodes])


def _cond(node: nodes.CondExpr, context: Context) -> Any:
    chosen = node.expr1 if value_of(node.test, context) else node.expr2
    return value_of(chosen, context)


def _arguments(node: nodes.Filter | nodes.Test | nodes.Call, context: Context) -> tuple[list[Any], dict[str, Any]]:
    args = [value_of(argument, context) for argument in node.args]
    return args, {str(keyword.key): value_of(keyword.value, context) for keyword in node.kwargs}


def _filter(node: nodes.Filter, context: Context) -> Any:
    value = value_of(node.node, context)
    args, kwargs = _arguments(node, context)
    return context.environment.call_filter(node.name, value, args, kwargs, context, context.eval_ctx)


def _test(node: nodes.Test, context: Context) -> Any:
    value = value_of(node.node, context)
    args, kwargs = _arguments(node, context)
    return context.environment.call_test(node.name, value, args, kwargs, context, context.eval_ctx)


def _call(node: nodes.Call, context: Context) -> Any:
    function = value_of(node.node, context)
    args, kwargs = _arguments(node, context)
    return context.call(function, *args, **kwargs)


_EVALUATE: Mapping[type[nodes.Node], Evaluate] = {
    nodes.Const: _const,
    nodes.Name: _name,
    nodes.Getattr: _getattr,
    nodes.Getitem: _getitem,
    nodes.Slice: _const,
    nodes.List: _list,
    nodes.Tuple: _tuple,
    nodes.Dict: _dict,
    nodes.Compare: _compare,
    nodes.And: _and,
    nodes.Or: _or,
    nodes.Not: _not,
    nodes.Neg: _neg,
    nodes.Pos: _pos,
    nodes.Concat: _concat,
    nodes.CondExpr: _cond,
    nodes.Filter: _filter,
    nodes.Test: _test,
    nodes.Call: _call,
    **dict.fromkeys(_BINARY, _binary),
}
