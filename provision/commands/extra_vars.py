"""Reads what `-e` says: `name=value` words, JSON or YAML in place, or `@file`; as Ansible does, the last one wins."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from provision.errors import UsageProblem
from provision.inventory.documents import InputErrors, parse, read_file


def extra_vars(given: Iterable[str]) -> dict[str, Any]:
    """All extra variables. Values of `name=value` words are texts; JSON and files keep their types."""
    merged: dict[str, Any] = {}
    for text in given:
        merged.update(_one(text.strip()))
    return merged


def _one(text: str) -> dict[str, Any]:
    if not text:
        return {}
    if text.startswith("@"):
        return _mapping(read_file(Path(text[1:]).expanduser()).value, text)
    if text[0] in "/.":
        raise UsageProblem(f"-e {text}: a file of variables is given as @{text}")
    if text[0] in "{[":
        document = parse(text, "-e")
        if document.faults:
            raise InputErrors(document.faults)
        return _mapping(document.value, text)
    return dict(_pair(word, text) for word in _words(text))


def _mapping(value: Any, text: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UsageProblem(f"-e {text}: variables are a mapping of names to values")
    return {str(name): inner for name, inner in value.items()}


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageProblem(
            f"-e {text}: {str(error).lower()}", hint="quote the whole: -e 'name=\"two words\"'"
        ) from error


def _pair(word: str, text: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not (equals and name):
        raise UsageProblem(
            f"-e {text}: `{word}` is not name=value", hint="-e name=value, -e '{\"name\": 1}' or -e @file"
        )
    return name, value
