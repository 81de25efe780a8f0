"""Ansible's Jinja2 tests: `is failed`, `is match(...)`, `is version(...)`, `is subset(...)`, `is file`, and so on."""

from __future__ import annotations

import math
import operator
import os.path
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from provision.playbook.versions import VERSIONS

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    **dict.fromkeys(("==", "=", "eq"), operator.eq),
    **dict.fromkeys(("<", "lt"), operator.lt),
    **dict.fromkeys(("<=", "le"), operator.le),
    **dict.fromkeys((">", "gt"), operator.gt),
    **dict.fromkeys((">=", "ge"), operator.ge),
    **dict.fromkeys(("!=", "<>", "ne"), operator.ne),
}
_TRUE = ("y", "yes", "on", "1", "true", "t", 1, 1.0, True)
_FALSE = ("n", "no", "off", "0", "false", "f", 0, 0.0, False)


def _result(value: Any, test: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"`is {test}` takes the result of a task, not {type(value).__name__}")
    return value


def failed(result: Any) -> Any:
    return _result(result, "failed").get("failed", False)


def succeeded(result: Any) -> bool:
    return not _result(result, "succeeded").get("failed", False)


def unreachable(result: Any) -> Any:
    return _result(result, "unreachable").get("unreachable", False)


def reachable(result: Any) -> bool:
    return not _result(result, "reachable").get("unreachable", False)


def skipped(result: Any) -> Any:
    return _result(result, "skipped").get("skipped", False)


def changed(result: Any) -> Any:
    """Whether a task changed something; of a loop, whether any element did."""
    said = _result(result, "changed")
    if "changed" in said:
        return said["changed"]
    elements = said.get("results")
    return isinstance(elements, list) and any(isinstance(one, Mapping) and one.get("changed") for one in elements)


def started(result: Any) -> bool:
    return bool(_result(result, "started").get("started", 1) == 1)


def finished(result: Any) -> bool:
    return bool(_result(result, "finished").get("finished", 1) == 1)


def timedout(result: Any) -> Any:
    said = _result(result, "timedout").get("timedout", False)
    return said and said.get("period", False)


def regex(
    value: Any, pattern: str = "", ignorecase: bool = False, multiline: bool = False, match_type: str = "search"
) -> bool:
    flags = (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)
    if match_type not in ("search", "match", "fullmatch"):
        raise ValueError(f"`match_type` is search, match or fullmatch, not `{match_type}`")
    return bool(getattr(re.compile(pattern, flags), match_type)(str(value)))


def match(value: Any, pattern: str = "", ignorecase: bool = False, multiline: bool = False) -> bool:
    return regex(value, pattern, ignorecase, multiline, "match")


def search(value: Any, pattern: str = "", ignorecase: bool = False, multiline: bool = False) -> bool:
    return regex(value, pattern, ignorecase, multiline, "search")


def version(value: Any, other: Any, operator: str = "eq", strict: Any = None, version_type: str | None = None) -> bool:
    """Compares two versions: loose unless `strict` or `version_type` (loose, strict, semver, pep440) says otherwise."""
    if strict is not None and version_type is not None:
        raise ValueError("`strict` and `version_type` exclude each other")
    if not value or not other:
        raise ValueError("a version to compare is empty")
    kind = version_type or ("strict" if strict else "loose")
    if kind not in VERSIONS:
        raise ValueError(f"`version_type` is one of {', '.join(VERSIONS)}, not `{kind}`")
    if operator not in _OPERATORS:
        raise ValueError(f"`{operator}` does not compare; there are {', '.join(_OPERATORS)}")
    return _OPERATORS[operator](VERSIONS[kind](str(value)), VERSIONS[kind](str(other)))


def truthy(value: Any, convert_bool: bool = False) -> bool:
    word = value.lower().strip() if isinstance(value, str) else value
    if convert_bool and isinstance(word, (str, int, float)) and word in (*_TRUE, *_FALSE):
        return word in _TRUE
    return bool(value)


def falsy(value: Any, convert_bool: bool = False) -> bool:
    return not truthy(value, convert_bool)


def subset(a: Any, b: Any) -> bool:
    return set(a) <= set(b)


def superset(a: Any, b: Any) -> bool:
    return set(a) >= set(b)


def contains(values: Any, value: Any) -> bool:
    return value in values


def nan(value: Any) -> bool:
    try:
        return math.isnan(value)
    except TypeError:
        return False


def uri(value: Any, schemes: list[str] | None = None) -> bool:
    try:
        return not schemes or urlparse(value).scheme in schemes
    except (ValueError, AttributeError, TypeError):
        return False


def url(value: Any, schemes: list[str] | None = None) -> bool:
    if not uri(value, schemes):
        return False
    parts = urlparse(value)
    return bool(parts.netloc or parts.scheme == "file")


def urn(value: Any) -> bool:
    return uri(value, ["urn"])


def vault_encrypted(value: Any) -> bool:
    """Values encrypted by ansible-vault are refused when reading, so none reaches a template."""
    return False


def vaulted_file(path: Any) -> bool:
    with Path(str(path)).open("rb") as file:
        return file.read(14) == b"$ANSIBLE_VAULT"


_OWN: Mapping[str, Callable[..., Any]] = {
    **dict.fromkeys(("failed", "failure"), failed),
    **dict.fromkeys(("succeeded", "success", "successful"), succeeded),
    **dict.fromkeys(("changed", "change"), changed),
    **dict.fromkeys(("skipped", "skip"), skipped),
    "reachable": reachable,
    "unreachable": unreachable,
    "timedout": timedout,
    "started": started,
    "finished": finished,
    "match": match,
    "search": search,
    "regex": regex,
    **dict.fromkeys(("version", "version_compare"), version),
    "any": any,
    "all": all,
    "truthy": truthy,
    "falsy": falsy,
    **dict.fromkeys(("subset", "issubset"), subset),
    **dict.fromkeys(("superset", "issuperset"), superset),
    "contains": contains,
    **dict.fromkeys(("nan", "isnan"), nan),
    **dict.fromkeys(("directory", "is_dir"), os.path.isdir),
    **dict.fromkeys(("file", "is_file"), os.path.isfile),
    **dict.fromkeys(("link", "is_link"), os.path.islink),
    "exists": os.path.exists,
    "link_exists": os.path.lexists,
    **dict.fromkeys(("abs", "is_abs"), os.path.isabs),
    **dict.fromkeys(("same_file", "is_same_file"), os.path.samefile),
    **dict.fromkeys(("mount", "is_mount"), os.path.ismount),
    "uri": uri,
    "url": url,
    "urn": urn,
    "vault_encrypted": vault_encrypted,
    "vaulted_file": vaulted_file,
}

VARYING_TESTS = frozenset(
    [
        *("directory", "is_dir", "file", "is_file", "link", "is_link", "exists", "link_exists"),
        *("same_file", "is_same_file", "mount", "is_mount", "vaulted_file"),
    ]
)
"""Tests that look at the disk: they may answer otherwise the next time."""

TESTS: Mapping[str, Callable[..., Any]] = {**_OWN, **{f"ansible.builtin.{name}": test for name, test in _OWN.items()}}
