"""Renders what playbooks say with a host's variables, and tells which variables a template reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Number
from pathlib import Path
from secrets import token_hex
from typing import Any

from jinja2 import TemplateAssertionError, TemplateError, TemplateSyntaxError, UndefinedError
from jinja2.runtime import Context

from provision.errors import ProvisionError, UsageProblem
from provision.inventory.documents import Unsafe, nearest, read_text
from provision.playbook import reads
from provision.playbook.environments import (
    adjusted,
    bare_context,
    compiled,
    compiled_condition,
    plain_condition,
    plain_pieces,
    searching,
    value_environment,
    with_backslashes,
)
from provision.playbook.files import template_variables
from provision.playbook.interpret import value_of
from provision.playbook.jinja import (
    TemplateProblem,
    UndefinedVariable,
    ValueEnvironment,
    finalize,
    is_template,
    settled,
    settled_one,
)
from provision.playbook.scope import Scope
from provision.playbook.values import Raw

OMIT = f"__omit_place_holder__{token_hex(20)}"
"""What the variable `omit` holds. `Templar.arguments` leaves out what renders to it."""

_ONE_NAME = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_FAILURES = (
    TemplateError,
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    OSError,
    RecursionError,
    re.error,
    RuntimeError,
    StopIteration,
    MemoryError,
    NameError,
    SyntaxError,
)


class Templar:
    """Renders templates over one host's variables. `search` are the folders for `include` and file lookups.

    `where` is the place that errors name. Making one is cheap; compiled templates are shared by all.
    """

    def __init__(self, variables: Mapping[str, Any], search: Sequence[Path] = (), where: str = "") -> None:
        self.variables = variables
        self.search = tuple(search)
        self.where = where
        self._known = getattr(variables, "is_known", None)
        self._reading: dict[str, None] = {}

    # -- rendering -------------------------------------------------------------------------------------------------

    def render(self, value: Raw) -> Any:
        """The value with every template in it rendered. Keys of mappings stay as they are."""
        kind = type(value)
        if kind is str:
            return self._text(value) if is_template(value) else value
        if kind is list or kind is tuple:
            return [self.render(element) for element in value]
        if isinstance(value, Unsafe):
            return value
        if isinstance(value, Mapping):
            return {key: self.render(element) for key, element in value.items()}
        return value

    def arguments(self, values: Mapping[str, Raw]) -> dict[str, Any]:
        """Rendered arguments of a module, without those that render to `omit`."""
        rendered: dict[str, Any] = without_omitted(self.render(values))
        return rendered

    def condition(self, expression: Raw) -> bool:
        """Whether a condition holds: an expression without braces, a truth value, or a list of which all must hold."""
        if expression is None or expression == "":
            return True
        if isinstance(expression, bool):
            return expression
        if isinstance(expression, (list, tuple)):
            return all(self.condition(element) for element in expression)
        if not isinstance(expression, str):
            return bool(expression)
        with self._failing(expression, "the condition"):
            return self._holds(expression)

    def _holds(self, expression: str) -> bool:
        if is_template(expression) and not isinstance(expression, Unsafe):
            rendered = self._text(expression)
            if not isinstance(rendered, str):
                return bool(rendered)
            if rendered == "":
                return False
            expression = rendered
        return bool(self.evaluate(expression))

    def evaluate(self, expression: str) -> Any:
        """The value of an expression without braces, of its own type."""
        environment = value_environment()
        plain = plain_condition(expression)
        if plain is not None:
            return value_of(plain, bare_context(Scope(self, environment.globals)))
        template = compiled_condition(environment, expression)
        context = self._context(environment, template)
        for _ in template.root_render_func(context):
            pass
        return context.vars["result"]

    def variable(self, name: str) -> Any:
        """The value of one variable, its templates rendered. KeyError when it is not there."""
        value = self.variables[name]
        if self._known is not None and self._known(name):
            return value
        if isinstance(value, (str, list, dict, tuple)):
            return self._guarded(name, value)
        return value

    def _guarded(self, name: str, value: Any) -> Any:
        if name in self._reading:
            circle = " > ".join([*list(self._reading)[list(self._reading).index(name) :], name])
            raise TemplateProblem(f"the variable `{name}` reads itself: {circle}")
        self._reading[name] = None
        try:
            return self.render(value)
        finally:
            del self._reading[name]

    def _text(self, text: str) -> Any:
        single = _ONE_NAME.fullmatch(text)
        if single:
            return self._one_name(text, single[1])
        with self._failing(text, "the template"):
            environment = self._environment(text)
            source = with_backslashes(environment, text)
            pieces = plain_pieces(source)
            rendered = self._rendered(environment, source) if pieces is None else self._joined(pieces)
            return _with_newlines(rendered, text, "\n")

    def _joined(self, pieces: Sequence[Any]) -> Any:
        """The value of texts and expressions that were not compiled."""
        context = bare_context(Scope(self, value_environment().globals))
        return settled([piece if isinstance(piece, str) else finalize(value_of(piece, context)) for piece in pieces])

    def _one_name(self, text: str, name: str) -> Any:
        """`{{ name }}` alone keeps a number a number and null null."""
        value = self.variables.get(name)
        if isinstance(value, (bool, Number)) or (value is None and name in self.variables):
            return value
        with self._failing(text, "the template"):
            if name not in self.variables:
                return self._rendered(value_environment(), text)
            return settled_one(finalize(Scope(self, {})[name]))

    def _environment(self, text: str) -> ValueEnvironment:
        if self.search and "{%" in text and re.search(r"\{%[-+]?\s*(include|import|from|extends)\b", text):
            return searching(self.search)
        return value_environment()

    def _rendered(self, environment: ValueEnvironment, text: str) -> Any:
        template = compiled(environment, text)
        return environment.concat(template.root_render_func(self._context(environment, template)))

    def _context(self, environment: ValueEnvironment, template: Any) -> Context:
        return template.new_context(Scope(self, environment.globals), shared=True)  # type: ignore[no-any-return]

    # -- files -----------------------------------------------------------------------------------------------------

    def render_file(self, path: Path, overrides: Mapping[str, Any] | None = None, destination: str = "") -> str:
        """A template file's text, as Ansible's `template` makes it.

        `overrides`: arguments of the module that change Jinja2 (trim_blocks, variable_start_string, ...).
        """
        known = self.over(template_variables(path, destination)).variables
        folders = (path.parent, *(place for folder in self.search for place in (folder / "templates", folder)))
        return Templar(known, folders, str(path)).render_text(read_text(path), overrides)

    def render_text(self, text: str, overrides: Mapping[str, Any] | None = None) -> str:
        """A template file's text rendered; `#jinja2: key: value` in its first line changes Jinja2 as well."""
        first, text = _header(text)
        options = {key: value for key, value in {**(overrides or {}), **first}.items() if value is not None}
        with self._failing("", "the template"):
            environment = adjusted(searching(self.search, files=True), _jinja_options(options))
            rendered = self._rendered(environment, text)
            return str(_with_newlines(rendered, text, environment.newline_sequence))

    def over(self, values: Mapping[str, Any]) -> Templar:
        """A templar that knows these final values as well; they win."""
        knowing = getattr(self.variables, "knowing", None)
        variables = knowing(values) if knowing else {**self.variables, **values}
        return Templar(variables, self.search, self.where)

    # -- reading names ---------------------------------------------------------------------------------------------

    def names(self, value: Raw) -> frozenset[str]:
        """The variables that the templates in a value read directly; `*` stands for any (`vars`, `include`, ...)."""
        return reads.of_value(value)

    def condition_names(self, expression: Raw) -> frozenset[str]:
        """The variables that a condition (no braces) reads directly."""
        return reads.of_condition(expression)

    def file_names(self, path: Path) -> frozenset[str]:
        """The variables that a template file reads directly."""
        return reads.of_text(read_text(path))

    def follow(self, names: frozenset[str]) -> frozenset[str]:
        """These variables and all that their own templates read, and so on."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            found.add(name)
            if name in self.variables and not (self._known and self._known(name)):
                waiting.extend(reads.of_value(self.variables[name]))
        return frozenset(found)

    def names_deep(self, value: Raw) -> frozenset[str]:
        """`names`, followed into the templates of the variables read."""
        return self.follow(self.names(value))

    # -- errors ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _failing(self, text: str, what: str) -> Iterator[None]:
        """Whatever goes wrong inside is told with the place (by the outermost template) and the template."""
        quoted = f"{what} `{_shortened(text)}`" if text else what
        try:
            yield
        except TemplateProblem as error:
            raise type(error)(self._at(error.what), error.why or f"in {quoted}", error.hint) from error
        except UndefinedError as error:
            message = str(error.message)
            raise UndefinedVariable(self._at(message), f"in {quoted}", self._near(message)) from error
        except ProvisionError:
            raise
        except TemplateAssertionError as error:
            raise TemplateProblem(self._at(f"{quoted} cannot be rendered: {error.message}")) from error
        except TemplateSyntaxError as error:
            line = f" (line {error.lineno})" if error.lineno and error.lineno > 1 else ""
            raise TemplateProblem(self._at(f"{quoted} is not Jinja2{line}: {error.message}")) from error
        except RecursionError as error:
            raise TemplateProblem(self._at(f"{quoted} reads itself, or is nested too deep")) from error
        except _FAILURES as error:
            raise TemplateProblem(self._at(f"{quoted} cannot be rendered: {_reason(error)}")) from error

    def _at(self, text: str) -> str:
        """The text behind the place. Templates inside variables leave it to the one that read them."""
        return f"{self.where}: {text}" if self.where and not self._reading else text

    def _near(self, message: str) -> str:
        match = re.match(r"'(\w+)' is undefined$", message)
        near = nearest(match[1], [str(name) for name in self.variables]) if match else ""
        return f"did you mean `{near}`?" if near else ""


def _reason(error: BaseException) -> str:
    told = isinstance(error, (TemplateError, ValueError))
    return str(error) if told else f"{type(error).__name__}: {error}"


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 160 else f"{line[:157]}..."


def _with_newlines(rendered: Any, text: str, newline: str) -> Any:
    """The newlines at the end of the template, which Jinja2 drops, put back."""
    if not isinstance(rendered, str):
        return rendered
    lost = _final_newlines(text) - _final_newlines(rendered)
    return rendered + newline * lost if lost > 0 else rendered


def _final_newlines(text: str) -> int:
    return len(text) - len(text.rstrip("\n"))


def _header(text: str) -> tuple[dict[str, Any], str]:
    """The options in a first line `#jinja2: trim_blocks: False, ...`, and the rest."""
    if not text.startswith("#jinja2:"):
        return {}, text
    line, _, rest = text.removeprefix("#jinja2:").partition("\n")
    options: dict[str, Any] = {}
    for pair in line.split(","):
        key, colon, value = pair.partition(":")
        if not colon:
            raise UsageProblem(f"the first line of the template says `{pair.strip()}`; write `key: value`")
        options[key.strip()] = _python_literal(value.strip())
    return options, rest


def _python_literal(text: str) -> Any:
    import ast

    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError) as error:
        raise UsageProblem(f"the first line of the template says `{text}`, which is not a Python value") from error


JINJA_OPTIONS = frozenset(
    [
        "block_start_string",
        "block_end_string",
        "variable_start_string",
        "variable_end_string",
        "comment_start_string",
        "comment_end_string",
        "line_statement_prefix",
        "line_comment_prefix",
        "trim_blocks",
        "lstrip_blocks",
        "newline_sequence",
        "keep_trailing_newline",
    ]
)
"""What a template's first line, or the arguments of `template`, may change about rendering."""


def _jinja_options(options: Mapping[str, Any]) -> dict[str, Any]:
    unknown = [key for key in options if key not in JINJA_OPTIONS]
    if unknown:
        near = nearest(unknown[0], JINJA_OPTIONS)
        raise UsageProblem(f"`{unknown[0]}` is not an option of Jinja2", hint=f"did you mean `{near}`?" if near else "")
    return {key: _newline(value) if key == "newline_sequence" else value for key, value in options.items()}


def _newline(value: Any) -> Any:
    return {"\\n": "\n", "\\r": "\r", "\\r\\n": "\r\n"}.get(value, value)


def without_omitted(value: Any) -> Any:
    """The value without every mapping entry and list element that is `omit`."""
    if isinstance(value, dict):
        return {key: without_omitted(element) for key, element in value.items() if not _is_omit(element)}
    if isinstance(value, list):
        return [without_omitted(element) for element in value if not _is_omit(element)]
    return value


def _is_omit(value: Any) -> bool:
    return isinstance(value, str) and value == OMIT


__all__ = ["OMIT", "Templar", "TemplateProblem", "UndefinedVariable", "without_omitted"]
