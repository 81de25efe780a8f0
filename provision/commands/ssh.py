"""`provision ssh`: a shell on a machine, or a command there."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import click

from provision.commands.options import host_argument, inventory_option
from provision.errors import ProvisionError, UsageProblem


@click.command("ssh", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@inventory_option
@host_argument()
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[COMMAND ...]")
def command(name: str, words: tuple[str, ...], inventory: tuple[str, ...]) -> None:
    """Open a shell on a machine, or run a command there.

    Runs OpenSSH's ssh with the machine's key and its pinned host key.
    """
    from provision.inventory import load
    from provision.machines.shell import ssh_command

    hosts = load([source for source in inventory if "," in source or Path(source).exists()]).hosts
    if name not in hosts:
        near = difflib.get_close_matches(name, hosts, n=1)
        hint = f"did you mean `{near[0]}`?" if near else "`provision list` shows the machines"
        raise UsageProblem(f"there is no host `{name}` in the inventory", hint=hint)
    line = ssh_command(name, hosts[name].vars, words[1:] if words[:1] == ("--",) else words)
    try:
        os.execvp(line[0], line)
    except FileNotFoundError as error:
        raise ProvisionError(
            "OpenSSH's `ssh` is not installed here", hint="sudo apt-get install openssh-client"
        ) from error
