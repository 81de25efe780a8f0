"""The `ssh` command line for a host of the inventory: OpenSSH does the talking, with our keys and our trust."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any


def ssh_command(name: str, variables: Mapping[str, Any], command: Sequence[str] = ()) -> list[str]:
    """The words of the command line; `command` goes to the remote shell as it is."""
    words = ["ssh"]
    if key := variables.get("ansible_ssh_private_key_file") or variables.get("ansible_private_key_file"):
        words += ["-i", str(key), "-o", "IdentitiesOnly=yes"]
    if port := variables.get("ansible_port") or variables.get("ansible_ssh_port"):
        words += ["-p", str(port)]
    for option in ("ansible_ssh_common_args", "ansible_ssh_extra_args"):
        words += shlex.split(str(variables.get(option) or ""))
    address = str(variables.get("ansible_host") or variables.get("ansible_ssh_host") or name)
    user = variables.get("ansible_user") or variables.get("ansible_ssh_user")
    return [*words, f"{user}@{address}" if user else address, *(("--", *command) if command else ())]
