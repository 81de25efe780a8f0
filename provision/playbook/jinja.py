"""Jinja2 as Ansible sets it up: what undefined means, what a rendered value's type is, and compiled templates kept.

Two environments exist: one for values in playbooks, where a result that looks like a list, a mapping or a truth value
becomes one (Ansible without `jinja2_native`), and one for template files, whose result is always text.
"""

from __future__ import annotations

import ast
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, MappingView
from itertools import chain, islice
from typing import Any

from jinja2 import Template
from jinja2.nativetypes import NativeEnvironment
from jinja2.runtime import Context, StrictUndefined, new_context

from provision.errors import ProvisionError

_UNROLLED: Any = (Iterator, MappingView, range)


class TemplateProblem(ProvisionError):
    """A template cannot be rendered: bad syntax, a filter that fails, a variable that reads itself."""


class UndefinedVariable(TemplateProblem):
    """A template reads a variable that is not there."""


class NativeText(str):
    """A filter's result that stays text although it may look like a list (`to_json`, `string`)."""

    __slots__ = ()


class Missing(StrictUndefined):
    """An undefined value. Asking it for an attribute gives itself, so that `a.b.c | default(1)` works."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, key: Any) -> Any:
        return self

    def __repr__(self) -> str:
        return f"Missing({self._undefined_name!r})"

    @property
    def message(self) -> str:
        return self._undefined_message

    __slots__ = ()


def is_template(text: str) -> bool:
    """Whether the text holds anything that Jinja2 would act on."""
    return "{{" in text or "{%" in text or "{#" in text


def unrolled(value: Any) -> Any:
    """Generators and views as lists: nobody has to write `| list`."""
    return list(value) if isinstance(value, _UNROLLED) else value


def finalize(value: Any) -> Any:
    """What a `{{ }}` puts out: never None, never an undefined value, not even deep inside."""
    value = unrolled(value)
    if value is None:
        return ""
    refuse_undefined(value)
    return value


def refuse_undefined(value: Any) -> None:
    """Raises when something in the value is undefined."""
    if isinstance(value, (list, tuple)):
        for element in value:
            refuse_undefined(element)
    elif isinstance(value, Mapping):
        for element in value.values():
            refuse_undefined(element)
    elif isinstance(value, StrictUndefined):
        str(value)


def joined(pieces: Iterable[Any]) -> str:
    """The pieces as one text; for template files."""
    return "".join(map(str, pieces))


def settled(pieces: Iterable[Any]) -> Any:
    """The value of a rendered playbook string, typed as Ansible without native types does it.

    One list or mapping alone stays itself, True and False become truth values, numbers become text; text that reads
    like a list or a mapping becomes one.
    """
    stream = iter(pieces)
    head = list(islice(stream, 2))
    if len(head) == 1:
        return settled_one(head[0])
    return from_text("".join(map(str, chain(head, stream))))


def settled_one(value: Any) -> Any:
    """The value of a string that is one `{{ }}` and nothing else."""
    if isinstance(value, NativeText):
        return str(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, (list, dict)):
        try:
            return _copied(value)
        except TypeError:
            pass
    return from_text(str(value))


def _copied(value: Any) -> Any:
    """A copy of plain data, equal to what writing it out and reading it back gives; TypeError for anything else."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is float and math.isfinite(value):
        return value
    if isinstance(value, str):
        return str(value)
    if kind is list:
        return [_copied(element) for element in value]
    if kind is tuple:
        return tuple(_copied(element) for element in value)
    if isinstance(value, dict):
        return {_copied(key): _copied(element) for key, element in value.items()}
    raise TypeError


def from_text(text: str) -> Any:
    """A list, mapping or truth value when the text reads like one, else the text."""
    if text in ("True", "False"):
        return text == "True"
    if not text.startswith(("{", "[")):
        return text
    try:
        return _literal(text)
    except (TypeError, ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _literal(text: str) -> Any:
    if "\\" not in text:
        return ast.literal_eval(_JsonNames().visit(ast.parse(text, mode="eval")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.literal_eval(_JsonNames().visit(ast.parse(text, mode="eval")))


class _JsonNames(ast.NodeTransformer):
    """JSON's words for Python's constants."""

    _VALUES: Mapping[str, Any] = {"true": True, "false": False, "null": None}

    def visit_Name(self, node: ast.Name) -> Any:
        if node.id not in self._VALUES:
            return node
        return ast.copy_location(ast.Constant(value=self._VALUES[node.id]), node)


class LazyContext(Context):
    """A context over variables that are rendered when read; copying it never reads them all."""

    def get_all(self) -> Any:
        if not self.vars:
            return self.parent
        return self.parent.with_locals(self.vars) if hasattr(self.parent, "with_locals") else super().get_all()


class LazyTemplate(Template):
    """A template whose includes share the lazy variables."""

    def new_context(self, vars: Any = None, shared: bool = False, locals: Any = None) -> Context:
        if hasattr(vars, "with_locals"):
            return self.environment.context_class(
                self.environment, vars.with_locals(locals or {}), self.name, self.blocks, self.globals
            )
        return new_context(self.environment, self.name, self.blocks, vars, shared, self.globals, locals)


class ValueEnvironment(NativeEnvironment):
    """Renders strings of playbooks."""

    context_class = LazyContext
    template_class = LazyTemplate
    concat = staticmethod(settled)  # type: ignore[assignment]


class FileEnvironment(ValueEnvironment):
    """Renders template files."""

    concat = staticmethod(joined)
