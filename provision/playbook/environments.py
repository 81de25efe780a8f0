"""The two Jinja2 environments with everything Ansible adds to them, and the templates compiled by them, kept."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, Template, TemplateSyntaxError, nodes, pass_context
from jinja2.parser import Parser
from jinja2.runtime import Context

from provision.playbook.filters import TEXT_FILTERS, VARYING_FILTERS, filters
from provision.playbook.functions import FUNCTIONS
from provision.playbook.interpret import is_plain
from provision.playbook.jinja import FileEnvironment, Missing, NativeText, ValueEnvironment, finalize, unrolled
from provision.playbook.proving import TESTS, VARYING_TESTS


def _dressed(environment: ValueEnvironment) -> ValueEnvironment:
    """The environment with Ansible's filters, tests and functions."""
    environment.filters.update(filters())
    for name, function in list(environment.filters.items()):
        settle = NativeText if name in TEXT_FILTERS else unrolled
        environment.filters[name] = _wrapped(function, settle, name.rpartition(".")[2] in VARYING_FILTERS)
    for name, test in TESTS.items():
        environment.tests[name] = _wrapped(test, bool, True) if name.rpartition(".")[2] in VARYING_TESTS else test
    environment.globals.update(FUNCTIONS)
    return environment


def _wrapped(function: Callable[..., Any], after: Callable[[Any], Any], varies: bool) -> Callable[..., Any]:
    """The function, and what is done with its answer. One that varies is never folded into a compiled template."""
    if varies:

        def asked(context: Context, *args: Any, **kwargs: Any) -> Any:
            return after(function(*args, **kwargs))

        return pass_context(asked)

    def filtered(*args: Any, **kwargs: Any) -> Any:
        return after(function(*args, **kwargs))

    marker = getattr(function, "jinja_pass_arg", None)
    if marker is not None:
        filtered.jinja_pass_arg = marker  # type: ignore[attr-defined]
    return filtered


@lru_cache(maxsize=1)
def value_environment() -> ValueEnvironment:
    """The environment of every string in playbooks that includes no file."""
    return _dressed(ValueEnvironment(trim_blocks=True, undefined=Missing, finalize=finalize))


@lru_cache(maxsize=1)
def _file_environment() -> ValueEnvironment:
    return _dressed(FileEnvironment(trim_blocks=True, undefined=Missing, finalize=finalize))


@lru_cache(maxsize=64)
def searching(search: tuple[Path, ...], files: bool = False) -> ValueEnvironment:
    """An environment whose `include` and `import` look into these folders."""
    origin = _file_environment() if files else value_environment()
    return _overlay(origin, loader=FileSystemLoader([str(folder) for folder in search]))


def _overlay(origin: ValueEnvironment, **options: Any) -> ValueEnvironment:
    overlay = origin.overlay(**options)
    assert isinstance(overlay, ValueEnvironment)
    return overlay


def adjusted(origin: ValueEnvironment, options: Mapping[str, Any]) -> ValueEnvironment:
    """The environment with other delimiters or whitespace rules (arguments of `template`, a `#jinja2:` first line)."""
    return _overlay(origin, **options) if options else origin


@contextmanager
def _quietly() -> Iterator[None]:
    r"""Python warns of `\.` in a condition and of `1[2]` in a template; Ansible's users never see that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", SyntaxWarning)
        yield


@contextmanager
def _lenient_escapes(text: str) -> Iterator[None]:
    if "\\" not in text:
        yield
        return
    with _quietly():
        yield


@lru_cache(maxsize=8192)
def parsed(text: str) -> nodes.Template:
    """The syntax tree of a template. Raises jinja2.TemplateSyntaxError."""
    with _lenient_escapes(text):
        return value_environment().parse(text)


@lru_cache(maxsize=8192)
def compiled(environment: ValueEnvironment, text: str) -> Template:
    """The template of this text. Raises jinja2.TemplateSyntaxError."""
    with _quietly():
        return environment.from_string(text)


@lru_cache(maxsize=8192)
def plain_pieces(text: str) -> tuple[str | nodes.Expr, ...] | None:
    """The texts and expressions of a template that has no statements; None when it must be compiled."""
    environment = value_environment()
    body = parsed(text).body
    if not all(isinstance(part, nodes.Output) for part in body):
        return None
    found = [piece for part in body for piece in part.iter_child_nodes()]
    if not all(isinstance(piece, nodes.TemplateData) or is_plain(piece, environment) for piece in found):
        return None
    return tuple(piece.data if isinstance(piece, nodes.TemplateData) else piece for piece in found)  # type: ignore[misc]


@lru_cache(maxsize=8192)
def plain_condition(text: str) -> nodes.Expr | None:
    """The syntax tree of a condition; None when it must be compiled."""
    environment = value_environment()
    expression = parsed_condition(environment, text)
    return expression if is_plain(expression, environment) else None


@lru_cache(maxsize=1)
def _bare() -> Template:
    return value_environment().from_string("")


def bare_context(scope: Any) -> Context:
    """A context for expressions that belong to no template."""
    return _bare().new_context(scope, shared=True)


@lru_cache(maxsize=8192)
def compiled_condition(environment: ValueEnvironment, text: str) -> Template:
    """A template that leaves the expression's value in its variable `result`."""
    expression = parsed_condition(environment, text)
    body = nodes.Assign(nodes.Name("result", "store"), expression, lineno=1)
    template = nodes.Template([body], lineno=1)
    template.set_environment(environment)
    with _quietly():
        code = environment.compile(template)
    return environment.template_class.from_code(environment, code, environment.globals)


@lru_cache(maxsize=8192)
def parsed_condition(environment: ValueEnvironment, text: str) -> nodes.Expr:
    """The syntax tree of an expression without braces. Raises jinja2.TemplateSyntaxError."""
    with _lenient_escapes(text):
        parser = Parser(environment, text, state="variable")
        expression = parser.parse_expression()
    if not parser.stream.eos:
        raise TemplateSyntaxError("something follows the expression", parser.stream.current.lineno)
    expression.set_environment(environment)
    return expression


def with_backslashes(environment: ValueEnvironment, text: str) -> str:
    """Backslashes in strings inside `{{ }}` doubled: playbook authors write `\\1` for a group, not `\\\\1`."""
    if "\\" not in text or environment.variable_start_string not in text:
        return text
    pieces: list[str] = []
    inside = False
    for _, token, value in environment.lex(environment.preprocess(text)):
        if token == "variable_begin":
            inside = True
        elif token == "variable_end":
            inside = False
        pieces.append(value.replace("\\", "\\\\") if inside and token == "string" else value)
    return "".join(pieces)
