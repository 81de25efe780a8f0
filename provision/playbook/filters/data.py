"""Filters on lists and mappings: combine, flatten, pairs, subelements, random choices."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jinja2 import Environment, pass_environment

from provision.playbook.jinja import refuse_undefined

_MERGES = ("replace", "keep", "append", "prepend", "append_rp", "prepend_rp")


def is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def flatten(values: Iterable[Any], levels: int | None = None, skip_nulls: bool = True) -> list[Any]:
    """One list of the elements of nested lists, `levels` deep."""
    flat: list[Any] = []
    for element in values:
        if skip_nulls and (element is None or (isinstance(element, str) and element in ("None", "null"))):
            continue
        if is_sequence(element) and (levels is None or int(levels) >= 1):
            flat.extend(flatten(element, None if levels is None else int(levels) - 1, skip_nulls))
        else:
            flat.append(element)
    return flat


def combine(*terms: Any, recursive: bool = False, list_merge: str = "replace") -> Any:
    """The mappings merged into one; later ones win."""
    if list_merge not in _MERGES:
        raise ValueError(f"`list_merge` is one of {', '.join(_MERGES)}, not `{list_merge}`")
    mappings = flatten(terms, levels=1)
    refuse_undefined(mappings)
    merged: Any = {}
    for mapping in mappings:
        if not isinstance(mapping, Mapping):
            raise ValueError(f"combine takes mappings, not {type(mapping).__name__}")
        merged = _merged(merged, mapping, recursive, list_merge)
    return merged


def _merged(weak: Mapping[Any, Any], strong: Mapping[Any, Any], recursive: bool, lists: str) -> dict[Any, Any]:
    merged = dict(weak)
    for key, value in strong.items():
        old = merged.get(key)
        if recursive and isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[key] = _merged(old, value, recursive, lists)
        elif isinstance(old, list) and isinstance(value, list):
            merged[key] = _merged_lists(old, value, lists)
        else:
            merged[key] = value
    return merged


def _merged_lists(old: list[Any], new: list[Any], how: str) -> list[Any]:
    kept = [element for element in old if element not in new]
    return {
        "replace": new,
        "keep": old,
        "append": old + new,
        "prepend": new + old,
        "append_rp": kept + new,
        "prepend_rp": new + kept,
    }[how]


def dict2items(mapping: Any, key_name: str = "key", value_name: str = "value") -> list[dict[str, Any]]:
    if not isinstance(mapping, Mapping):
        raise TypeError(f"dict2items takes a mapping, not {type(mapping).__name__}")
    return [{key_name: key, value_name: mapping[key]} for key in mapping]


def items2dict(pairs: Any, key_name: str = "key", value_name: str = "value") -> dict[Any, Any]:
    if not is_sequence(pairs):
        raise TypeError(f"items2dict takes a list, not {type(pairs).__name__}")
    try:
        return {pair[key_name]: pair[value_name] for pair in pairs}
    except KeyError as error:
        raise ValueError(f"items2dict needs `{key_name}` and `{value_name}` in every element") from error


@pass_environment
def extract(environment: Environment, key: Any, container: Any, morekeys: Any = None) -> Any:
    """The element of a container at this key, and further down at the keys after it."""
    more = [] if morekeys is None else morekeys if isinstance(morekeys, list) else [morekeys]
    for step in [key, *more]:
        container = environment.getitem(container, step)
    return container


def subelements(value: Any, path: Any, skip_missing: bool = False) -> list[tuple[Any, Any]]:
    """Every element with each value of its list at `path`."""
    if isinstance(value, Mapping):
        elements = list(value.values())
    elif isinstance(value, list):
        elements = value
    else:
        raise TypeError("subelements takes a list of mappings or a mapping of mappings")
    steps = path if isinstance(path, list) else str(path).split(".")
    return [(element, found) for element in elements for found in _at(element, steps, skip_missing)]


def _at(element: Any, steps: Sequence[Any], skip_missing: bool) -> list[Any]:
    found = element
    for step in steps:
        if not isinstance(found, Mapping):
            raise TypeError(f"`{step}` should point to a mapping, got {found!r}")
        if step not in found:
            if skip_missing:
                return []
            raise ValueError(f"there is no `{step}` in {found!r}")
        found = found[step]
    if not isinstance(found, list):
        raise TypeError(f"`{steps[-1]}` should point to a list, got {found!r}")
    return found


def rekey_on_member(data: Any, key: Any, duplicates: str = "error") -> dict[Any, Any]:
    """A mapping of the elements by the value of one of their keys."""
    if duplicates not in ("error", "overwrite"):
        raise ValueError(f"`duplicates` is error or overwrite, not `{duplicates}`")
    rekeyed: dict[Any, Any] = {}
    for element in data.values() if isinstance(data, Mapping) else data:
        if not isinstance(element, Mapping):
            raise TypeError("rekey_on_member takes mappings")
        if key not in element:
            raise ValueError(f"there is no `{key}` in {element!r}")
        if element[key] in rekeyed and duplicates == "error":
            raise ValueError(f"`{element[key]}` is there twice")
        rekeyed[element[key]] = element
    return rekeyed


def choose(end: Any, start: int | None = None, step: int | None = None, seed: Any = None) -> Any:
    """A random number below `end`, or a random element; the same one every time with a seed."""
    source = random.SystemRandom() if seed is None else random.Random(seed)
    if isinstance(end, int):
        return source.randrange(start or 0, end, step or 1)
    if not hasattr(end, "__iter__"):
        raise TypeError("random takes a number or a list")
    if start or step:
        raise ValueError("start and step of random go with a number")
    return source.choice(end)


def shuffle(values: Any, seed: Any = None) -> Any:
    if not isinstance(values, Iterable):
        return values
    shuffled = list(values)
    (random.Random(seed) if seed else random.SystemRandom()).shuffle(shuffled)
    return shuffled


def as_terms(value: Any) -> list[Any]:
    """What stands behind `with_...` as the terms of a lookup."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


FILTERS = {
    "as_terms": as_terms,
    "flatten": flatten,
    "combine": combine,
    "dict2items": dict2items,
    "items2dict": items2dict,
    "extract": extract,
    "subelements": subelements,
    "rekey_on_member": rekey_on_member,
    "random": choose,
    "shuffle": shuffle,
    "zip": zip,
    "zip_longest": itertools.zip_longest,
    "product": itertools.product,
    "permutations": itertools.permutations,
    "combinations": itertools.combinations,
}
