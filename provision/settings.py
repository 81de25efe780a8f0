"""What the operator has set: flag over `PROVISION_*` over ./provision.yml over config.yml over the default."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from provision.errors import UsageProblem

PROJECT_FILE = "provision.yml"
USER_FILE = "config.yml"


@dataclass(frozen=True)
class Folders:
    """Where the tool keeps things, by the XDG rules. Two state folders are two clouds that do not see each other."""

    state: Path
    cache: Path
    config: Path

    @property
    def inventory(self) -> Path:
        """The Ansible inventory that create-vm writes and every other command reads unless told otherwise."""
        return self.state / "inventory.yml"

    @property
    def keys(self) -> Path:
        """API keys of deployed services, one file a host, mode 0600."""
        return self.state / "keys"

    @property
    def ssh(self) -> Path:
        """The tool's own SSH key pair (`id_ed25519`, `.pub`) and `known_hosts`."""
        return self.state / "ssh"

    @property
    def artifacts(self) -> Path:
        """Compiled programs, kept for the next machine with the same needs."""
        return self.cache / "artifacts"

    @property
    def local_cloud(self) -> Path:
        """State of the embedded local cloud."""
        return self.state / "local"


def folders(environment: Mapping[str, str] = os.environ) -> Folders:
    """The folders for this environment; none is created here."""

    def xdg(variable: str, default: str) -> Path:
        value = environment.get(variable, "")
        home = Path(environment.get("HOME") or Path.home())
        return (Path(value) if value.startswith("/") else home / default) / "provision"

    return Folders(
        state=xdg("XDG_STATE_HOME", ".local/state"),
        cache=xdg("XDG_CACHE_HOME", ".cache"),
        config=xdg("XDG_CONFIG_HOME", ".config"),
    )


Kind = Literal["text", "number", "switch", "list"]


@dataclass(frozen=True)
class Known:
    """One thing that can be set, under one name everywhere: `--max-run`, `PROVISION_MAX_RUN`, `max_run:`."""

    name: str
    meaning: str
    kind: Kind = "text"
    default: Any = ""
    choices: tuple[str, ...] = ()

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"PROVISION_{self.name.upper()}"

    @property
    def flag(self) -> str:
        """The option that sets it."""
        return f"--{self.name.replace('_', '-')}"


KNOWN: Mapping[str, Known] = {
    known.name: known
    for known in (
        Known("cloud", "which cloud: `gce` (Google) or `local` (embedded, free)", choices=("gce", "local")),
        Known("project", "Google Cloud project"),
        Known("zone", "zone of new machines", default="us-central1-a"),
        Known("gpu", "GPU of new machines, `l4` or `l4:2`"),
        Known("machine_type", "machine type of new machines; chosen by the GPU when empty"),
        Known("image", "boot image: a short name, FAMILY, PROJECT/FAMILY or a full path", default="debian-12"),
        Known("disk_gb", "size of the boot disk; 0: 100 with a GPU, 30 without", "number", 0),
        Known("disk_type", "type of the boot disk; chosen by the machine type when empty"),
        Known("network", "network of new machines", default="default"),
        Known("spot", "buy spare capacity that can be taken away", "switch", False),
        Known("max_run", "how long a machine may live (`24h`, `90m`, `none`); empty: 24h on Google, none locally"),
        Known("max_run_action", "what happens then", default="delete", choices=("delete", "stop")),
        Known("allow", "addresses (CIDR) that may reach SSH and the service; empty: only yours", "list", ()),
        Known("service_port", "port of the speech server", "number", 8080),
        Known("ssh_user", "user to create and log in as", default="provision"),
        Known("caller_url", "page that answers with the caller's address", default="https://checkip.amazonaws.com"),
        Known("endpoint", "address of the Compute API, when it is not Google's"),
    )
}


@dataclass(frozen=True)
class Setting:
    """A value and where it comes from (`--zone`, `PROVISION_ZONE`, `./provision.yml:3`, `default`)."""

    value: Any
    origin: str

    @property
    def given(self) -> bool:
        """Somebody has set it."""
        return self.origin != "default"


@dataclass(frozen=True)
class Settings:
    """Every known setting, each with its origin."""

    values: Mapping[str, Setting]

    def __getitem__(self, name: str) -> Any:
        return self.values[name].value

    def __iter__(self) -> Iterator[tuple[str, Setting]]:
        return iter(self.values.items())

    def given(self, name: str) -> bool:
        """Whether anybody has set it."""
        return self.values[name].given


def load(
    flags: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] = os.environ,
    project_file: Path = Path(PROJECT_FILE),
    user_file: Path | None = None,
) -> Settings:
    """All settings for this command line, environment and working folder; flags that are None were not given."""
    user_file = user_file or folders(environment).config / USER_FILE
    values = {name: Setting(known.default, "default") for name, known in KNOWN.items()}
    values |= read_file(user_file)
    values |= read_file(project_file)
    values |= _from_environment(environment)
    values |= _from_flags(flags or {})
    return Settings(values)


def read_file(path: Path) -> dict[str, Setting]:
    """The settings in one YAML file, `{}` when there is none. All mistakes in it are told at once."""
    if not path.is_file():
        return {}
    values: dict[str, Setting] = {}
    mistakes: list[str] = []
    for name, value, line in _pairs(path):
        where = f"{_shown(path)}:{line}"
        if name not in KNOWN:
            mistakes.append(f"{where}: unknown setting `{name}`{_nearest(name)}")
        elif name in values:
            mistakes.append(f"{where}: `{name}` is set twice")
        else:
            try:
                values[name] = Setting(_converted(KNOWN[name], value, where), where)
            except UsageProblem as problem:
                mistakes.append(problem.what)
    if mistakes:
        raise UsageProblem("\n".join(mistakes), hint="`provision doctor` lists every setting")
    return values


def _pairs(path: Path) -> Iterator[tuple[str, Any, int]]:
    """Keys, values and lines of the mapping in a YAML file, doubled keys included."""
    import yaml  # costs 20 ms that `--help` need not pay

    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        if node is None or node.tag == "tag:yaml.org,2002:null":
            return
        if not isinstance(node, yaml.MappingNode):
            raise UsageProblem(f"{_shown(path)}:1: settings are `name: value` lines")
        for key, value in node.value:
            yield str(key.value), loader.construct_object(value, deep=True), key.start_mark.line + 1
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UsageProblem(f"{_shown(path)}:{line}: not YAML: {error.problem}") from error
    except OSError as error:
        raise UsageProblem(f"{_shown(path)} cannot be read", str(error.strerror)) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageProblem(f"{_shown(path)}:1: not YAML: {error}") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, Setting]:
    return {
        name: Setting(_converted(known, environment[known.variable], known.variable), known.variable)
        for name, known in KNOWN.items()
        if environment.get(known.variable, "") != ""
    }


def _from_flags(flags: Mapping[str, Any]) -> dict[str, Setting]:
    return {
        name: Setting(_converted(KNOWN[name], value, KNOWN[name].flag), KNOWN[name].flag)
        for name, value in flags.items()
        if name in KNOWN and value is not None and value != ()
    }


def _converted(known: Known, value: Any, where: str) -> Any:
    """The value in its kind, or a complaint that says where it was set."""
    if known.kind == "number":
        return _number(known, value, where)
    if known.kind == "switch":
        return _switch(known, value, where)
    if known.kind == "list":
        return _list(known, value, where)
    if isinstance(value, bool | list | dict):
        raise UsageProblem(f"{where}: `{known.name}` is one text, not {value!r}")
    text = "" if value is None else str(value)
    if known.choices and text and text not in known.choices:
        raise UsageProblem(f"{where}: `{known.name}` is one of {', '.join(known.choices)}, not `{text}`")
    return text


def _number(known: Known, value: Any, where: str) -> int:
    try:
        if isinstance(value, bool):
            raise ValueError
        number = int(str(value))
    except ValueError as error:
        raise UsageProblem(f"{where}: `{known.name}` is a whole number, not `{value}`") from error
    if number < 0:
        raise UsageProblem(f"{where}: `{known.name}` cannot be negative")
    return number


def _switch(known: Known, value: Any, where: str) -> bool:
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if str(value).lower() not in words:
        raise UsageProblem(f"{where}: `{known.name}` is true or false, not `{value}`")
    return words[str(value).lower()]


def _list(known: Known, value: Any, where: str) -> tuple[str, ...]:
    parts = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise UsageProblem(f"{where}: `{known.name}` is a list of texts, not {value!r}")
    return tuple(parts)


def _nearest(name: str) -> str:
    close = difflib.get_close_matches(name.replace("-", "_"), KNOWN, n=1)
    return f", did you mean `{close[0]}`?" if close else ""


def _shown(path: Path) -> str:
    return str(path) if path.is_absolute() else f"./{path}"
