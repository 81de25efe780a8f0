"""The TOML config of moshi-server as a value, and a lint: the server itself accepts every misspelling in silence."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, Literal

from provision.errors import UsageProblem
from provision.speech.config_schema import CFG_COEFS, DEAD, DEFAULT_VOICE, MODULES, PY, TOP, Keys
from provision.speech.endpoint import SHIPPED_KEY

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Level = Literal["error", "warning"]
Path = tuple[str, ...]
"""Where a key stands: ("modules", "tts_py", "py", "cfg_coef")."""


@dataclass(frozen=True)
class ModuleConfig:
    """One `[modules.NAME]` table; `options` holds every key as written."""

    name: str
    kind: str
    path: str
    slots: int | None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Config:
    """What a config file says; keys for the API are kept out of its repr."""

    static_dir: str
    log_dir: str
    instance_name: str
    authorized_ids: tuple[str, ...] = field(repr=False)
    modules: tuple[ModuleConfig, ...] = ()


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong in a config: where, what, and the way out. An `error` keeps the service from working."""

    line: int
    key: str
    level: Level
    what: str
    fix: str


def parse(text: str, name: str = "config") -> Config:
    """The config as a value; raises UsageProblem where a required key is missing or of a wrong type."""
    errors = [finding for finding in lint(text) if finding.level == "error" and finding.key in ("", *_SHAPE)]
    try:
        return _config(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        first = errors[0] if errors else Finding(0, "", "error", f"{type(error).__name__}: {error}", "")
        raise UsageProblem(f"{name}:{first.line}: {first.what}", hint=first.fix) from error


def lint(text: str) -> tuple[Finding, ...]:
    """Everything that is wrong in a config, in the order of its lines."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return (Finding(_error_line(str(error)), "", "error", f"no TOML: {error}", "correct the syntax"),)
    findings = _Lint(_Lines(text), document).findings()
    return tuple(sorted(findings, key=lambda finding: (finding.line, finding.key)))


_SHAPE = ("static_dir", "log_dir", "instance_name", "authorized_ids", "type", "path", "modules", "batch_size")


def _config(document: Mapping[str, Any]) -> Config:
    return Config(
        static_dir=document["static_dir"],
        log_dir=document["log_dir"],
        instance_name=document["instance_name"],
        authorized_ids=tuple(document["authorized_ids"]),
        modules=tuple(_module(name, table) for name, table in document.get("modules", {}).items()),
    )


def _module(name: str, table: Mapping[str, Any]) -> ModuleConfig:
    slots = table.get("batch_size")
    path = table.get("path") or table["send_path"]
    return ModuleConfig(name, table["type"], path, int(slots) if slots is not None else None, dict(table))


def _error_line(message: str) -> int:
    found = re.search(r"line (\d+)", message)
    return int(found.group(1)) if found else 0


class _Lines:
    """Which line wrote which key; the TOML reader does not tell."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        table: Path = ()
        for number, line in enumerate(text.splitlines(), 1):
            if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]+\s*(#.*)?$", line):
                table = _dotted(header.group(1))
                self._lines.setdefault(table, number)
            elif key := re.match(r"""\s*((?:[\w.-]|"[^"]*"|'[^']*')+)\s*=""", line):
                self._lines.setdefault(table + _dotted(key.group(1)), number)

    def of(self, path: Path) -> int:
        """The line of a key, or of the nearest table around it."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)


def _dotted(text: str) -> Path:
    return tuple(part.strip().strip("\"'") for part in text.split("."))


@dataclass(frozen=True)
class _Lint:
    lines: _Lines
    document: Mapping[str, Any]

    def findings(self) -> Iterator[Finding]:
        yield from self._keys((), self.document, TOP)
        yield from self._authorized_ids()
        yield from self._literal_variables((), self.document)
        modules = self.document.get("modules")
        if not modules or not isinstance(modules, dict):
            yield self._error(("modules",), "no module is configured", "add a [modules.NAME] table with type and path")
            return
        for name, table in modules.items():
            yield from self._module(("modules", name), table)
        yield from self._shared_paths(modules)

    def _module(self, at: Path, table: Any) -> Iterator[Finding]:
        if not isinstance(table, dict):
            yield self._error(at, f"`{at[-1]}` is no table", f"write [modules.{at[-1]}]")
            return
        kind = table.get("type")
        if not isinstance(kind, str) or kind not in MODULES:
            fix = f"one of {', '.join(sorted(MODULES))}{_nearest(str(kind), MODULES)}"
            yield self._error((*at, "type"), f"unknown module type {kind!r}", fix)
            return
        yield from self._keys(at, table, MODULES[kind])
        yield from self._slots(at, table)
        if kind == "Py" and "script" not in table:
            yield from self._voice_model((*at, "py"), table.get("py", {}))

    def _keys(self, at: Path, table: Mapping[str, Any], keys: Keys) -> Iterator[Finding]:
        for key in sorted(keys.required - set(table)):
            yield self._error((*at, key), f"`{key}` is missing, and moshi-server will not start", f"add {key} = ...")
        for key in table:
            if key not in keys.known:
                fix = DEAD.get(key) or f"remove it{_nearest(key, keys.known)}"
                yield self._warning((*at, key), f"`{key}` is not read by moshi-server, it is ignored in silence", fix)

    def _authorized_ids(self) -> Iterator[Finding]:
        ids, at = self.document.get("authorized_ids"), ("authorized_ids",)
        if ids is None:
            return
        if not isinstance(ids, list) or not all(isinstance(key, str) for key in ids):
            yield self._error(at, "`authorized_ids` is no list of texts", 'write authorized_ids = ["a random key"]')
        elif not ids:
            yield self._error(at, "no key is authorised, so nobody is let in", "add a random key")
        elif SHIPPED_KEY in ids:
            fix = "replace it by a random one: openssl rand -hex 24"
            yield self._error(at, f"the key `{SHIPPED_KEY}` stands in every example and opens the server to all", fix)
        elif any("$" in key for key in ids):
            yield self._error(at, "variables are not expanded in `authorized_ids`", "write the key itself, mode 0640")

    def _slots(self, at: Path, table: Mapping[str, Any]) -> Iterator[Finding]:
        slots = table.get("batch_size", 1)
        if type(slots) is not int or slots < 1:
            yield self._error((*at, "batch_size"), f"batch_size is {slots!r}", "a whole number of slots, at least 1")

    def _voice_model(self, at: Path, table: Any) -> Iterator[Finding]:
        if not isinstance(table, dict):
            yield self._error(at, "`py` is no table", f"write [{'.'.join(at)}]")
            return
        yield from self._keys(at, table, PY)
        coefficient = table.get("cfg_coef", 2.0)
        if coefficient not in CFG_COEFS:
            fix = f"one of {', '.join(map(str, CFG_COEFS))}"
            yield self._error((*at, "cfg_coef"), f"no voice loads with cfg_coef = {coefficient}", fix)
        yield from self._default_voice(at, table)

    def _default_voice(self, at: Path, table: Mapping[str, Any]) -> Iterator[Finding]:
        folder, voice = str(table.get("voice_folder", "")), str(table.get("default_voice", DEFAULT_VOICE))
        pattern = _voice_pattern(folder)
        if pattern and not fnmatchcase(f"{voice}.0@0.safetensors", pattern):
            what = f"the default voice `{voice}` is not among `{pattern}`, so the server will not start"
            yield self._error((*at, "default_voice"), what, "widen voice_folder, or choose a voice inside it")

    def _literal_variables(self, at: Path, value: Any) -> Iterator[Finding]:
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from self._literal_variables((*at, key), inner)
        elif isinstance(value, str) and "${" in value:
            yield self._error(
                at, f"`{value}` is taken as it stands: braces are not expanded", "write $NAME, or the path"
            )

    def _shared_paths(self, modules: Mapping[str, Any]) -> Iterator[Finding]:
        seen: dict[Any, str] = {}
        for name, table in modules.items():
            path = table.get("path") if isinstance(table, dict) else None
            if path in seen:
                what = f"modules `{seen[path]}` and `{name}` share the path {path}"
                yield self._error(("modules", name, "path"), what, "give each module a path of its own")
            elif path is not None:
                seen[path] = name

    def _error(self, at: Path, what: str, fix: str) -> Finding:
        return Finding(self.lines.of(at), at[-1], "error", what, fix)

    def _warning(self, at: Path, what: str, fix: str) -> Finding:
        return Finding(self.lines.of(at), at[-1], "warning", what, fix)


def _voice_pattern(folder: str) -> str:
    """The pattern in `hf-snapshot://ORG/REPO/PATTERN`; empty where every voice is fetched or the folder is local."""
    if not folder.startswith("hf-snapshot://"):
        return ""
    parts: Sequence[str] = folder.removeprefix("hf-snapshot://").split("/", 2)
    return parts[2] if len(parts) == 3 else ""


def _nearest(word: str, known: Iterable[str]) -> str:
    by_lower = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), by_lower, n=1)
    return f"; did you mean `{by_lower[near[0]]}`?" if near else ""
