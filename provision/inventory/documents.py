"""Reads YAML (and JSON) files into plain values, remembers on which line each stood, and refuses doubled keys.

Inventories, playbooks, roles and variable files are all read here, with PyYAML's C parser where it exists. Values are
built from parser events with a stack of our own: a hostile file cannot overflow the interpreter's stack.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.nodes import ScalarNode

from provision.errors import UsageProblem

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_DEEPEST = 200
_MOST_VALUES = 1_000_000


@dataclass(frozen=True)
class Location:
    """Where in which file a thing was written."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong in a file. `nearest` is the known word that looks most like the wrong one."""

    where: Location
    text: str
    nearest: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.text}" + (f"; did you mean `{self.nearest}`?" if self.nearest else "")


class InputErrors(UsageProblem):
    """Everything that is wrong in the files of one reading, told at once."""

    def __init__(self, faults: tuple[Fault, ...], why: str = "", hint: str = "") -> None:
        super().__init__("\n".join(str(fault) for fault in faults), why, hint)
        self.faults = faults


class Unsafe(str):
    """Text that is never taken for a template: `!unsafe` in YAML."""

    __slots__ = ()


def unsafe(value: Any) -> Any:
    """A final value: text in it is never taken for a template."""
    if isinstance(value, str):
        return Unsafe(value)
    if isinstance(value, Mapping):
        return {key: unsafe(element) for key, element in value.items()}
    if isinstance(value, (list, tuple)):
        return [unsafe(element) for element in value]
    return value


@dataclass(frozen=True)
class Document:
    """One file's value. Containers are plain dicts and lists; their lines stand in a table beside them."""

    file: str
    value: Any
    starts: dict[int, int] = field(default_factory=dict, repr=False)
    keys: dict[tuple[int, Any], int] = field(default_factory=dict, repr=False)
    faults: tuple[Fault, ...] = ()

    def where(self, container: Any = None, key: Any = None) -> Location:
        """The place of a container, or of one of its keys (a mapping) or elements (a list)."""
        line = self.keys.get((id(container), key)) if key is not None else None
        return Location(self.file, line or self.starts.get(id(container), 1))


def nearest(word: str, known: Any) -> str:
    """The known word that looks most like this one, or nothing when none does."""
    found = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else ""


def read_file(path: Path) -> Document:
    """The document in this file. Raises InputErrors with every fault of the file in it."""
    document = parse(read_text(path), str(path))
    if document.faults:
        raise InputErrors(document.faults)
    return document


def read_text(path: Path) -> str:
    """The file's text; what cannot be read is told as a usage problem."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageProblem(f"{path} is not text in UTF-8", str(error)) from error
    except OSError as error:
        raise UsageProblem(f"cannot read {path}", error.strerror or str(error)) from error
    except ValueError as error:
        raise UsageProblem(f"cannot read {str(path)!r}", str(error)) from error


def parse(text: str, file: str, lenient: bool = False) -> Document:
    """The document in this text; faults are collected in it, not raised. `lenient`: of doubled keys the last counts."""
    if text.startswith("$ANSIBLE_VAULT"):
        told = "files encrypted by ansible-vault are not read by provision yet"
        return Document(file, None, faults=(Fault(Location(file, 1), told),))
    builder = _Builder(file, lenient)
    try:
        value = builder.build(text)
    except yaml.YAMLError as error:
        return _as_json(text, file) or Document(file, None, faults=(*builder.faults, _syntax(error, file)))
    except (ValueError, RecursionError) as error:
        return Document(file, None, faults=(*builder.faults, Fault(Location(file, builder.line), str(error))))
    return Document(file, value, builder.starts, builder.keys, tuple(builder.faults))


def _as_json(text: str, file: str) -> Document | None:
    """JSON that YAML does not take (tabs between values), as Ansible reads it too."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return Document(file, json.loads(text))
    except (ValueError, RecursionError):
        return None


def _syntax(error: yaml.YAMLError, file: str) -> Fault:
    mark = getattr(error, "problem_mark", None)
    words = [getattr(error, "context", None), getattr(error, "problem", None) or str(error)]
    text = ", ".join(str(word) for word in words if word)
    return Fault(Location(file, mark.line + 1 if mark else 1), f"this is not YAML: {' '.join(text.split())}")


@dataclass
class _Open:
    """A container whose end has not been seen. A mapping keeps the key that waits for its value."""

    value: Any
    node_id: int
    anchor: str | None
    tag: str
    key: Any = None
    key_line: int = 0
    has_key: bool = False
    skip: bool = False
    merges: list[Any] = field(default_factory=list)


class _Merge:
    """The key `<<`."""


_MERGE = _Merge()


class _Builder:
    """Turns parser events into values."""

    def __init__(self, file: str, lenient: bool) -> None:
        self.file = file
        self._lenient = lenient
        self.line = 1
        self.starts: dict[int, int] = {}
        self.keys: dict[tuple[int, Any], int] = {}
        self.faults: list[Fault] = []
        self._anchors: dict[str, Any] = {}
        self._sizes: dict[int, int] = {}
        self._stack: list[_Open] = []
        self._root: Any = None
        self._values = 0
        self._constructor = SafeConstructor()

    def build(self, text: str) -> Any:
        loader = _LOADER(text)
        try:
            documents = 0
            for event in self._events(loader):
                self.line = event.start_mark.line + 1
                if isinstance(event, yaml.DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        raise ValueError("a second YAML document begins here; one file holds one document")
                else:
                    self._take(event, loader)
        finally:
            loader.dispose()
        return self._root

    def _events(self, loader: Any) -> Iterator[Any]:
        while loader.check_event():
            yield loader.get_event()

    def _take(self, event: Any, loader: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._put(self._remember(event.anchor, self._scalar(event, loader)))
        elif isinstance(event, yaml.MappingStartEvent):
            self._open({}, event)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._open([], event)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._close()
        elif isinstance(event, yaml.AliasEvent):
            self._put(self._alias(event.anchor or ""))

    def _fault(self, text: str) -> None:
        self.faults.append(Fault(Location(self.file, self.line), text))

    def _remember(self, anchor: str | None, value: Any) -> Any:
        if anchor:
            self._anchors[anchor] = value
        return value

    def _alias(self, anchor: str) -> Any:
        if anchor not in self._anchors:
            raise ValueError(f"`*{anchor}` has no anchor `&{anchor}` before it")
        value = self._anchors[anchor]
        self._count(self._sizes.get(id(value), 1))
        return value

    def _count(self, values: int) -> None:
        self._values += values
        if self._values > _MOST_VALUES:
            raise ValueError(f"more than {_MOST_VALUES} values (aliases counted out in full)")

    def _open(self, value: Any, event: Any) -> None:
        if len(self._stack) >= _DEEPEST:
            raise ValueError(f"nested more than {_DEEPEST} levels deep")
        self._count(1)
        self.starts[id(value)] = self.line
        tag = event.tag or ""
        if tag and not tag.startswith(_TAG) and tag != "!unsafe":
            self._fault(f"the tag `{tag}` is not known here")
        self._stack.append(_Open(value, self._values, event.anchor, tag.removeprefix(_TAG)))

    def _close(self) -> None:
        done = self._stack.pop()
        value = self._finished(done)
        self._sizes[id(value)] = self._values - done.node_id + 1
        self._put(self._remember(done.anchor, value))

    def _finished(self, done: _Open) -> Any:
        """The container with its merge keys applied (what it says itself wins), or what its tag makes of it."""
        for source in done.merges:
            for key, value in source.items():
                done.value.setdefault(key, value)
        if done.tag == "!unsafe":
            return unsafe(done.value)
        if done.tag == "set" and isinstance(done.value, dict):
            return set(done.value)
        if done.tag in ("omap", "pairs") and isinstance(done.value, list):
            return [pair for entry in done.value if isinstance(entry, dict) for pair in entry.items()]
        return done.value

    def _put(self, value: Any) -> None:
        if not self._stack:
            self._root = value
            return
        top = self._stack[-1]
        if isinstance(top.value, list):
            self.keys[id(top.value), len(top.value)] = self.starts.get(id(value), self.line)
            top.value.append(value)
        elif top.has_key:
            self._put_value(top, value)
        else:
            self._put_key(top, value)

    def _put_key(self, top: _Open, key: Any) -> None:
        top.has_key, top.key, top.key_line, top.skip = True, key, self.line, False
        try:
            hash(key)
        except TypeError:
            top.skip = True
            self._fault("a key must be a plain value; quote it when it begins with `{` (a template)")
        else:
            if key is not _MERGE and key in top.value and not self._lenient:
                top.skip = True
                first = self.keys.get((id(top.value), key), 0)
                self._fault(f"the key `{key}` is there twice (first on line {first})")

    def _put_value(self, top: _Open, value: Any) -> None:
        top.has_key = False
        if top.skip:
            return
        if top.key is _MERGE:
            self._merge(top, value)
        else:
            self.keys[id(top.value), top.key] = top.key_line
            top.value[top.key] = value

    def _merge(self, top: _Open, value: Any) -> None:
        sources = value if isinstance(value, list) else [value]
        if all(isinstance(source, dict) for source in sources):
            top.merges.extend(sources)
        else:
            self._fault("`<<` takes a mapping or a list of mappings")

    def _scalar(self, event: Any, loader: Any) -> Any:
        self._count(1)
        tag = event.tag
        if tag is None or tag == "!":
            if not event.implicit[0]:
                return event.value
            tag = loader.resolve(ScalarNode, event.value, (True, False))
        if tag == _TAG + "str":
            return event.value
        if tag == _TAG + "merge":
            return _MERGE if self._awaits_key() else event.value
        return self._tagged(tag, event.value)

    def _awaits_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].value, dict) and not self._stack[-1].has_key

    def _tagged(self, tag: str, text: str) -> Any:
        if tag == "!unsafe":
            return Unsafe(text)
        if tag in ("!vault", "!vault-encrypted"):
            self._fault("values encrypted by ansible-vault (`!vault`) are not read by provision yet")
            return text
        construct = SafeConstructor.yaml_constructors.get(tag)
        if construct is None or not tag.startswith(_TAG):
            self._fault(f"the tag `{tag}` is not known here")
            return text
        return self._constructed(construct, tag, text)

    def _constructed(self, construct: Any, tag: str, text: str) -> Any:
        try:
            return construct(self._constructor, ScalarNode(tag, text))
        except (ValueError, KeyError, IndexError, OverflowError, yaml.YAMLError) as error:
            self._fault(f"`{text}` looks like {tag.removeprefix(_TAG)}, but is none ({error}); quote it")
            return text
