"""Whose host key we accept: the pinned ones, and nothing is added silently."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import paramiko

from provision.errors import Unreachable
from provision.ssh.target import Target


class HostKeyMismatch(Unreachable):
    """The host shows another key than the pinned one: no use in trying again."""


class AcceptNew(paramiko.MissingHostKeyPolicy):
    """Take an unknown host's key once and write it down (`StrictHostKeyChecking=accept-new`)."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """Append the key under the name that the next connection will look for."""
        path = known_hosts_files(self._target)[0]
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("a") as lines:
            lines.write(f"{self._target.trust_name} {key.get_name()} {key.get_base64()}\n")


def known_hosts_files(target: Target) -> tuple[Path, ...]:
    """The files that hold this host's keys."""
    return target.known_hosts or (Path.home() / ".ssh" / "known_hosts",)


def pinned_keys(target: Target) -> Mapping[str, paramiko.PKey]:
    """Key type -> key, as known_hosts has them for this host; an unreadable line is passed over as OpenSSH does."""
    found: dict[str, paramiko.PKey] = {}
    for path in known_hosts_files(target):
        if not path.is_file():
            continue
        keys = paramiko.HostKeys()
        keys.load(str(path))
        found.update(keys.lookup(target.trust_name) or {})
    return found


def trust(client: paramiko.SSHClient, target: Target, looked_up_as: str) -> None:
    """Let `client` accept the pinned keys of `target`, under the name paramiko itself will look up."""
    for kind, key in pinned_keys(target).items():
        client.get_host_keys().add(looked_up_as, kind, key)
    policies: dict[str, paramiko.MissingHostKeyPolicy] = {
        "yes": paramiko.RejectPolicy(),
        "no": paramiko.AutoAddPolicy(),
        "accept-new": AcceptNew(target),
    }
    client.set_missing_host_key_policy(policies[target.host_key_policy])
