"""Filters that write and read JSON, YAML and base64."""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Mapping
from typing import Any

import yaml
from jinja2.runtime import StrictUndefined

from provision.inventory.documents import parse

_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_DUMPER):  # type: ignore[misc]
    """Writes text of our own kinds as text, any mapping as a mapping, and refuses undefined values."""


def _undefined(_: Any, value: StrictUndefined) -> Any:
    return str(value)


_Dumper.add_multi_representer(str, lambda dumper, value: dumper.represent_str(str(value)))
_Dumper.add_multi_representer(Mapping, lambda dumper, value: dumper.represent_dict(dict(value)))
_Dumper.add_multi_representer(StrictUndefined, _undefined)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    if isinstance(value, StrictUndefined):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def to_json(value: Any, *args: Any, **options: Any) -> str:
    options.pop("vault_to_text", None)
    options.pop("preprocess_unsafe", None)
    return json.dumps(value, *args, default=_plain, **options)


def to_nice_json(value: Any, indent: int = 4, sort_keys: bool = True, **options: Any) -> str:
    options.pop("separators", None)
    return to_json(value, indent=indent, sort_keys=sort_keys, separators=(",", ": "), **options)


def to_yaml(value: Any, default_flow_style: bool | None = None, **options: Any) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper, allow_unicode=True, default_flow_style=default_flow_style, **options)
    return text


def to_nice_yaml(value: Any, indent: int = 4, **options: Any) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper, indent=indent, allow_unicode=True, default_flow_style=False, **options)
    return text


def from_yaml(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    document = parse(text, "the text given to from_yaml", lenient=True)
    if document.faults:
        raise ValueError(str(document.faults[0]))
    return document.value


def from_yaml_all(text: Any) -> Any:
    return list(yaml.safe_load_all(str(text))) if isinstance(text, str) else text


def b64encode(text: Any, encoding: str = "utf-8") -> str:
    return base64.b64encode(str(text).encode(encoding, "surrogateescape")).decode()


def b64decode(text: str, encoding: str = "utf-8") -> str:
    return base64.b64decode(text).decode(encoding, "surrogateescape")


FILTERS = {
    "to_json": to_json,
    "to_nice_json": to_nice_json,
    "from_json": json.loads,
    "to_yaml": to_yaml,
    "to_nice_yaml": to_nice_yaml,
    "from_yaml": from_yaml,
    "from_yaml_all": from_yaml_all,
    "b64encode": b64encode,
    "b64decode": b64decode,
}
