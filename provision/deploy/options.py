"""What an operator asks of a deploy, as values, and the variables that it means to the playbooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from provision.errors import UsageProblem
from provision.settings import Folders, folders
from provision.ssh.door import Door, connect
from provision.ssh.target import Target

VOICE_MODELS = ("auto", "tone", "kyutai/tts-1.6b-en_fr")
RUST_FROM = ("auto", "rustup")
MOST_SLOTS = 1024


@dataclass(frozen=True)
class DeployOptions:
    """How to deploy. What is empty or None is left to the inventory and the roles' defaults."""

    inventory: tuple[str, ...]
    folders: Folders = field(default_factory=folders)
    docker: bool = False
    voice_model: str = ""
    slots: int | None = None
    port: int | None = None
    features: tuple[str, ...] = ()
    rust_from: str = ""
    check: bool = False
    diff: bool = False
    extra_vars: Mapping[str, Any] = field(default_factory=dict)
    connect: Callable[[Target], Door] = connect


def refuse_nonsense(options: DeployOptions) -> None:
    """Wrong values are told before anything is touched."""
    if options.docker:
        raise UsageProblem(
            "deploy --docker is not there yet",
            "only the native way is: packages, a compiled moshi-server, a systemd unit",
            "deploy it with --native",
        )
    _one_of("--voice-model", options.voice_model, VOICE_MODELS)
    _one_of("--rust-from", options.rust_from, RUST_FROM)
    _between("--slots", options.slots, 1, MOST_SLOTS)
    _between("--port", options.port, 1, 65535)


def variables(host: str, options: DeployOptions, said: Mapping[str, Any]) -> dict[str, Any]:
    """The playbook's extra variables. What the inventory has `said` about keys and artifacts is left alone."""
    places = {
        "moshi_api_key_file": str(options.folders.keys / f"{host}.key"),
        "moshi_artifact_dir": str(options.folders.artifacts),
    }
    source = {"rust_from": options.rust_from} if options.rust_from else {}
    return {
        "moshi_hosts": host,
        **{name: value for name, value in places.items() if name not in said},
        **chosen(options),
        **source,
        **options.extra_vars,
    }


def chosen(options: DeployOptions) -> dict[str, Any]:
    """What the options say about the service: true of the host from now on, not of this run alone."""
    said = {
        "moshi_voice_model": options.voice_model,
        "moshi_slots": options.slots,
        "moshi_port": options.port,
        "moshi_features": list(options.features),
    }
    return {name: value for name, value in said.items() if value}


def _one_of(option: str, value: str, known: tuple[str, ...]) -> None:
    if value and value not in known:
        raise UsageProblem(f"{option} {value} is not known", f"it is one of {', '.join(known)}")


def _between(option: str, value: int | None, least: int, most: int) -> None:
    if value is not None and not least <= value <= most:
        raise UsageProblem(f"{option} {value} is out of range", f"it is a number from {least} to {most}")
