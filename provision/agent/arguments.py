"""From what a playbook gave to what a module takes: names, defaults, types, choices, and what must go together."""

from __future__ import annotations

import json
import os
from typing import Any, Callable, Dict, List, Mapping

from provision.agent.errors import Failed
from provision.agent.specs import Argument, ModuleSpec

_TRUE = ("y", "yes", "on", "1", "true", "t", "1.0")
_FALSE = ("n", "no", "off", "0", "false", "f", "0.0")


def parse(module: str, spec: ModuleSpec, given: Mapping[str, Any]) -> Dict[str, Any]:
    """Every argument of the module with its value; Failed, in Ansible's words, for what is not right."""
    named = _by_own_name(module, spec, given)
    values = {name: _value(name, argument, named.get(name)) for name, argument in spec.arguments.items()}
    _check_together(spec, {name for name, value in named.items() if value is not None}, values)
    values.update((name, given.get(name)) for name in spec.private)
    return values


def _by_own_name(module: str, spec: ModuleSpec, given: Mapping[str, Any]) -> Dict[str, Any]:
    spelled = spec.spelled()
    unknown = sorted(set(given) - set(spelled) - set(spec.private))
    if unknown:
        raise Failed(
            "Unsupported parameters for (%s) module: %s. Supported parameters include: %s."
            % (module, ", ".join(unknown), ", ".join(sorted(spec.arguments)))
        )
    named = {spelled[name]: value for name, value in given.items() if name in spelled and name not in spec.arguments}
    named.update((name, value) for name, value in given.items() if name in spec.arguments)
    return named


def _value(name: str, argument: Argument, given: Any) -> Any:
    if given is None:
        given = argument.default
        if given is None or argument.type in ("raw", "str", "path"):
            return given
    value = _converted(name, argument.type, given)
    if argument.elements:
        value = [_converted(name, argument.elements, element) for element in value]
    _check_choice(name, argument, value)
    if argument.refused and value != argument.default:
        raise Failed("%s=%s is refused: %s" % (name, value, argument.refused))
    return value


def _check_choice(name: str, argument: Argument, value: Any) -> None:
    if argument.choices and value not in argument.choices:
        raise Failed(
            "value of %s must be one of: %s, got: %s" % (name, ", ".join(map(str, argument.choices)), _plain(value))
        )


def _check_together(spec: ModuleSpec, given: Any, values: Mapping[str, Any]) -> None:
    missing = sorted(name for name, argument in spec.arguments.items() if argument.required and values[name] is None)
    if missing:
        raise Failed("missing required arguments: %s" % ", ".join(missing))
    for names in spec.mutually_exclusive:
        if len(given.intersection(names)) > 1:
            raise Failed("parameters are mutually exclusive: %s" % "|".join(names))
    for names in spec.required_one_of:
        if not any(values[name] not in (None, False) or name in given for name in names):
            raise Failed("one of the following is required: %s" % ", ".join(names))
    for name, wanted, needed in spec.required_if:
        absent = [other for other in needed if values[other] is None]
        if values[name] == wanted and absent:
            raise Failed("%s is %s but all of the following are missing: %s" % (name, wanted, ", ".join(absent)))
    for name, other in spec.required_by:
        if values[name] is not None and values[other] is None:
            raise Failed("missing parameter(s) required by '%s': %s" % (name, other))


def _converted(name: str, kind: str, value: Any) -> Any:
    try:
        return _CONVERTERS[kind](value)
    except (TypeError, ValueError) as error:
        raise Failed(
            "argument '%s' is of type %s and we were unable to convert to %s: %s"
            % (name, type(value).__name__, kind, error)
        ) from error


def _bool(value: Any) -> bool:
    word = str(value).lower().strip()
    if word not in _TRUE + _FALSE:
        raise ValueError("the value '%s' is not a valid boolean" % value)
    return word in _TRUE


def _int(value: Any) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise ValueError("%s is no whole number" % value)
    return int(value)


def _str(value: Any) -> str:
    return value if isinstance(value, str) else _plain(value)


def _plain(value: Any) -> str:
    return json.dumps(value) if isinstance(value, (list, dict)) else str(value)


def _path(value: Any) -> str:
    return os.path.expanduser(os.path.expandvars(_str(value)))


def _list(value: Any) -> List[Any]:
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, str):
        return [word.strip() for word in value.split(",")] if value else []
    if isinstance(value, (int, float)):
        return [str(value)]
    raise TypeError("%s cannot be converted to a list" % type(value).__name__)


def _dict(value: Any) -> Dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    if not isinstance(value, str):
        raise TypeError("%s cannot be converted to a dict" % type(value).__name__)
    if value.lstrip().startswith("{"):
        loaded = json.loads(value)
        return dict(loaded)
    pairs = [word.partition("=") for word in value.replace(",", " ").split()]
    if not all(separator for _, separator, _ in pairs):
        raise ValueError("dictionary requested, could not parse JSON or key=value")
    return {key: text for key, _, text in pairs}


_CONVERTERS: Dict[str, Callable[[Any], Any]] = {
    "str": _str,
    "bool": _bool,
    "int": _int,
    "float": float,
    "path": _path,
    "list": _list,
    "dict": _dict,
    "raw": lambda value: value,
}
