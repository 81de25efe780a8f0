"""The variables that a template sees: each one's own template is rendered when it is read, not before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from jinja2.utils import missing

from provision.playbook.jinja import Missing, TemplateProblem, UndefinedVariable


class Renderer(Protocol):
    """What renders: a templar, as the things below it see it."""

    variables: Mapping[str, Any]
    search: tuple[Path, ...]

    def variable(self, name: str) -> Any:
        """The value of one variable, its templates rendered."""

    def over(self, values: Mapping[str, Any]) -> Renderer:
        """A renderer that knows these final values as well."""

    def render_file(self, path: Path, overrides: Mapping[str, Any] | None = None) -> str:
        """A template file's text."""


TEMPLAR = "__templar"
"""The name under which functions find the templar that renders them."""


class Variables(Mapping[str, Any]):
    """Layers of variables, the strongest first. Values of a `known` layer (facts, results) are never templates."""

    __slots__ = ("_layers",)

    def __init__(self, layers: tuple[tuple[Mapping[str, Any], bool], ...]) -> None:
        self._layers = layers

    def __getitem__(self, name: str) -> Any:
        for layer, _ in self._layers:
            if name in layer:
                return layer[name]
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return any(name in layer for layer, _ in self._layers)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for layer, _ in self._layers for name in layer))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def is_known(self, name: str) -> bool:
        """Whether this variable's value is final: a fact, a registered result, an item of a loop."""
        return next((known for layer, known in self._layers if name in layer), False)

    def knowing(self, values: Mapping[str, Any]) -> Variables:
        """The same variables under final values (loop items, a result being judged), which win."""
        return Variables(((values, True), *self._layers))

    def under(self, values: Mapping[str, Any]) -> Variables:
        """The same variables under others that may hold templates, which win."""
        return Variables(((values, False), *self._layers))


class Scope(Mapping[str, Any]):
    """What one rendering reads: the template's own names, then the variables, then Jinja2's functions."""

    __slots__ = ("_globals", "_locals", "templar")

    def __init__(self, templar: Renderer, functions: Mapping[str, Any], own: Mapping[str, Any] | None = None) -> None:
        self.templar = templar
        self._globals = functions
        self._locals: Mapping[str, Any] = own or {}

    def __getitem__(self, name: str) -> Any:
        if name in self._locals:
            return self._locals[name]
        if name == TEMPLAR:
            return self.templar
        if name in self.templar.variables:
            return self._variable(name)
        return self._globals[name]

    def _variable(self, name: str) -> Any:
        """A variable's value. One that reads an undefined variable is undefined itself, until it is used."""
        try:
            return self.templar.variable(name)
        except UndefinedVariable as error:
            return Missing(hint=error.what, name=name)

    def __contains__(self, name: object) -> bool:
        return name in self._locals or name in self.templar.variables or name in self._globals

    def __iter__(self) -> Iterator[str]:
        return iter({**self._globals, **dict.fromkeys(self.templar.variables), **self._locals})

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def with_locals(self, values: Mapping[str, Any]) -> Scope:
        """The same scope with names that the template set itself."""
        own = {name: value for name, value in values.items() if value is not missing}
        return Scope(self.templar, self._globals, {**self._locals, **own})


class RenderedVariables(Mapping[str, Any]):
    """Another host's variables, rendered when read: what `hostvars[host]` gives. What is undefined there is absent."""

    def __init__(self, templar: Renderer) -> None:
        self._templar = templar

    def __getitem__(self, name: str) -> Any:
        if name not in self._templar.variables:
            raise KeyError(name)
        return self._templar.variable(name)

    def __contains__(self, name: object) -> bool:
        return name in self._templar.variables

    def __iter__(self) -> Iterator[str]:
        return iter(self._templar.variables)

    def __len__(self) -> int:
        return len(self._templar.variables)

    def __repr__(self) -> str:
        return repr(dict(self))


__all__ = ["RenderedVariables", "Scope", "TemplateProblem", "Variables"]
