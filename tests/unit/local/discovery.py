"""Google's discovery document as a judge: of bodies by their schema, of requests by their method."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

_INT_TEXT = re.compile(r"-?\d+")
_BYTES = re.compile(r"[A-Za-z0-9+/_=-]*")


@cache
def document() -> Mapping[str, Any]:
    """The Compute v1 document that google-api-python-client ships."""
    folder = resources.files("googleapiclient.discovery_cache") / "documents"
    return json.loads((folder / "compute.v1.json").read_text(encoding="utf-8"))


def faults(schema: str, body: Any) -> list[str]:
    """Everything in the body that the schema does not allow; empty when it is sound."""
    return list(_faults({"$ref": schema}, body, schema))


def method(http_method: str, path: str) -> tuple[str, Mapping[str, Any]] | None:
    """The API method of a request: its id and description."""
    for pattern, found in _methods():
        if found["httpMethod"] == http_method and pattern.fullmatch(path):
            return found["id"], found
    return None


@cache
def _methods() -> tuple[tuple[re.Pattern[str], Mapping[str, Any]], ...]:
    found = [
        (entry["path"], entry)
        for resource in document()["resources"].values()
        for entry in resource["methods"].values()
    ]
    # Literal paths first: `images/family/{family}` before what a variable would also take.
    found.sort(key=lambda pair: pair[0].count("{"))
    return tuple((re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))), entry) for path, entry in found)


def _faults(schema: Mapping[str, Any], value: Any, where: str) -> Iterator[str]:
    if "$ref" in schema:
        yield from _object_faults(document()["schemas"][schema["$ref"]], value, where)
        return
    kind = schema.get("type")
    if kind == "object":
        yield from _object_faults(schema, value, where)
    elif kind == "array":
        yield from _array_faults(schema, value, where)
    elif kind == "string":
        yield from _text_faults(schema, value, where)
    elif kind == "boolean" and not isinstance(value, bool):
        yield f"{where}: {value!r} is no boolean"
    elif kind == "integer" and (isinstance(value, bool) or not isinstance(value, int)):
        yield f"{where}: {value!r} is no integer"
    elif kind == "number" and (isinstance(value, bool) or not isinstance(value, (int, float))):
        yield f"{where}: {value!r} is no number"


def _object_faults(schema: Mapping[str, Any], value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: {value!r} is no object"
        return
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    for key, item in value.items():
        if key in properties:
            yield from _faults(properties[key], item, f"{where}.{key}")
        elif others is not None:
            yield from _faults(others, item, f"{where}.{key}")
        else:
            yield f"{where}.{key}: unknown field"


def _array_faults(schema: Mapping[str, Any], value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{where}: {value!r} is no list"
        return
    for index, item in enumerate(value):
        yield from _faults(schema["items"], item, f"{where}[{index}]")


def _text_faults(schema: Mapping[str, Any], value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{where}: {value!r} is no string"
    elif schema.get("format") in ("int64", "uint64") and not _INT_TEXT.fullmatch(value):
        yield f"{where}: {value!r} is no number in a string"
    elif schema.get("format") == "byte" and not _BYTES.fullmatch(value):
        yield f"{where}: {value!r} is no base64"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{where}: {value!r} is none of the values allowed"
