"""Filters that treat lists as sets."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, pass_environment
from jinja2.filters import do_unique


@pass_environment
def unique(
    environment: Environment, values: Any, case_sensitive: bool | None = None, attribute: Any = None
) -> list[Any]:
    """The list without repeats, in order. Ansible tells upper from lower case only when asked."""
    try:
        return list(do_unique(environment, values, bool(case_sensitive), attribute))
    except TypeError:
        if case_sensitive is False or attribute:
            raise
        return _without_repeats(values)


def _without_repeats(values: Any) -> list[Any]:
    kept: list[Any] = []
    kept.extend(value for value in values if value not in kept)
    return kept


def intersect(a: Any, b: Any) -> list[Any]:
    try:
        return list(set(a) & set(b))
    except TypeError:
        return _without_repeats([value for value in a if value in b])


def difference(a: Any, b: Any) -> list[Any]:
    try:
        return list(set(a) - set(b))
    except TypeError:
        return _without_repeats([value for value in a if value not in b])


def symmetric_difference(a: Any, b: Any) -> list[Any]:
    try:
        return list(set(a) ^ set(b))
    except TypeError:
        common = intersect(a, b)
        return [value for value in union(a, b) if value not in common]


def union(a: Any, b: Any) -> list[Any]:
    try:
        return list(set(a) | set(b))
    except TypeError:
        return _without_repeats(list(a) + list(b))


FILTERS = {
    "unique": unique,
    "intersect": intersect,
    "difference": difference,
    "symmetric_difference": symmetric_difference,
    "union": union,
}
