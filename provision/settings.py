"""What the operator has set: flag over `PROVISION_*` over ./provision.toml over the user's file over the default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


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
