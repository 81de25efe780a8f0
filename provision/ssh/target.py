"""How to reach a host: the `ansible_*` connection variables, read once and checked."""

from __future__ import annotations

import getpass
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from provision.errors import UsageProblem

HostKeyPolicy = Literal["yes", "no", "accept-new"]

_CONNECTION_LOCAL = ("local", "ansible.builtin.local")
_CONNECTION_SSH = ("ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh", "ansible.netcommon.ssh")

CONNECTION_VARIABLES = (
    "ansible_connection",
    "ansible_host",
    "ansible_ssh_host",
    "ansible_port",
    "ansible_ssh_port",
    "ansible_user",
    "ansible_ssh_user",
    "ansible_password",
    "ansible_ssh_pass",
    "ansible_private_key_file",
    "ansible_ssh_private_key_file",
    "ansible_host_key_checking",
    "ansible_ssh_host_key_checking",
    "ansible_ssh_common_args",
    "ansible_ssh_extra_args",
    "ansible_timeout",
    "ansible_ssh_timeout",
    "ansible_python_interpreter",
)
"""What `target_from` reads."""

BECOME_VARIABLES = (
    "ansible_become",
    "ansible_become_method",
    "ansible_become_user",
    "ansible_become_password",
    "ansible_become_pass",
)

# OpenSSH options that change nothing for a single persistent connection of our own.
_NO_EFFECT_HERE = frozenset({"controlmaster", "controlpath", "controlpersist", "loglevel", "batchmode", "tcpkeepalive"})


@dataclass(frozen=True)
class Target:
    """One host's address, user, keys and trust. `known_hosts` empty means the user's own file."""

    name: str
    address: str
    port: int = 22
    user: str = ""
    key_files: tuple[Path, ...] = ()
    known_hosts: tuple[Path, ...] = ()
    host_key_alias: str = ""
    host_key_policy: HostKeyPolicy = "yes"
    jump: str = ""
    connect_timeout_s: float = 10.0
    keepalive_s: int = 15
    python: str = ""
    local: bool = False

    @property
    def trust_name(self) -> str:
        """The name under which known_hosts holds this host's keys."""
        if self.host_key_alias:
            return self.host_key_alias
        return self.address if self.port == 22 else f"[{self.address}]:{self.port}"


def target_from(name: str, variables: Mapping[str, Any]) -> Target:
    """The Target that a host's variables describe; UsageProblem for what we cannot honour."""
    connection = str(variables.get("ansible_connection", "ssh"))
    if connection not in _CONNECTION_LOCAL + _CONNECTION_SSH:
        raise UsageProblem(
            f"host {name} asks for ansible_connection: {connection}",
            "provision speaks ssh and local",
            "use ssh or local",
        )
    if variables.get("ansible_password") or variables.get("ansible_ssh_pass"):
        raise UsageProblem(
            f"host {name} has an SSH password", "provision logs in with keys only", "set ansible_ssh_private_key_file"
        )
    key = _first(variables, "ansible_ssh_private_key_file", "ansible_private_key_file")
    strict = _first(variables, "ansible_ssh_host_key_checking", "ansible_host_key_checking")
    target = Target(
        name=name,
        address=str(_first(variables, "ansible_host", "ansible_ssh_host") or name),
        port=_port(name, _first(variables, "ansible_port", "ansible_ssh_port")),
        user=str(_first(variables, "ansible_user", "ansible_ssh_user") or ""),
        key_files=(Path(str(key)).expanduser(),) if key else (),
        host_key_policy="no" if str(strict).lower() in ("false", "no", "0") else "yes",
        connect_timeout_s=float(_first(variables, "ansible_timeout", "ansible_ssh_timeout") or 10.0),
        python=_interpreter(variables.get("ansible_python_interpreter")),
        local=connection in _CONNECTION_LOCAL,
    )
    words = " ".join(str(variables.get(key, "")) for key in ("ansible_ssh_common_args", "ansible_ssh_extra_args"))
    return _with_ssh_args(target, shlex.split(words))


def login_user() -> str:
    """Who we are on this machine, and therefore on a target that names nobody."""
    return getpass.getuser()


def _first(variables: Mapping[str, Any], *names: str) -> Any:
    return next((variables[name] for name in names if variables.get(name) not in (None, "")), None)


def _interpreter(value: Any) -> str:
    return "" if value is None or str(value).startswith("auto") else str(value)


def _port(name: str, value: Any) -> int:
    try:
        return int(value) if value is not None else 22
    except ValueError as error:
        raise UsageProblem(f"host {name}: ansible_port is {value!r}", "a port is a number from 1 to 65535") from error


def _with_ssh_args(target: Target, words: list[str]) -> Target:
    for option, value in _options(target.name, words):
        target = _with_option(target, option, value)
    return target


def _options(name: str, words: list[str]) -> Iterator[tuple[str, str]]:
    """`-o Key=value`, `-oKey=value`, `-o 'Key value'`, `-J jump`, `-i key`, `-p port`, as (lower-case key, value)."""
    short = {"-J": "proxyjump", "-i": "identityfile", "-p": "port", "-l": "user"}
    rest = iter(words)
    for word in rest:
        if word in ("-C", "-q", "-4", "-T"):
            continue
        if word in short:
            yield short[word], next(rest, "")
        elif word.startswith("-o"):
            text = (word[2:] or next(rest, "")).strip()
            key, _, value = text.replace(" ", "=", 1).partition("=") if "=" not in text else text.partition("=")
            yield key.strip().lower(), value.strip()
        else:
            raise UsageProblem(
                f"host {name}: ssh argument {word!r} is not understood",
                "ansible_ssh_common_args may hold -o, -J, -i, -p, -l",
            )


def _with_option(target: Target, option: str, value: str) -> Target:
    if option == "userknownhostsfile":
        return replace(target, known_hosts=tuple(Path(part).expanduser() for part in shlex.split(value)))
    if option == "stricthostkeychecking":
        policies: dict[str, HostKeyPolicy] = {"no": "no", "off": "no", "accept-new": "accept-new"}
        return replace(target, host_key_policy=policies.get(value.lower(), "yes"))
    if option == "hostkeyalias":
        return replace(target, host_key_alias=value)
    if option == "proxyjump":
        return replace(target, jump="" if value == "none" else value)
    if option == "identityfile":
        return replace(target, key_files=(*target.key_files, Path(value).expanduser()))
    if option == "connecttimeout":
        return replace(target, connect_timeout_s=float(value))
    if option == "serveraliveinterval":
        return replace(target, keepalive_s=int(value))
    if option == "port":
        return replace(target, port=_port(target.name, value))
    if option == "user":
        return replace(target, user=value)
    if option in _NO_EFFECT_HERE or option in ("identitiesonly", "serveralivecountmax", "forwardagent"):
        return target
    raise UsageProblem(
        f"host {target.name}: ssh option {option!r} is not understood",
        "provision does not run OpenSSH's client, so it refuses options that it would have to ignore",
        "remove it from ansible_ssh_common_args",
    )
