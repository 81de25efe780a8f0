"""`provision rehearse`: the main job on the embedded local cloud."""

from __future__ import annotations

import click

from provision.commands.options import Output, finish, output_options


@click.command("rehearse")
@click.option("--name", default="rehearsal", show_default=True, metavar="NAME", help="The machine's name.")
@output_options
def command(name: str, output: Output) -> None:
    """The main job on the embedded local cloud: no account, no cost.

    Makes a machine (a container with systemd and sshd), compiles moshi-server there, starts it with a voice that needs
    no model, and measures it. The first time takes minutes, most of them for the compile; a repeat takes seconds.
    """
    from provision.rehearsal import Rehearsal, rehearse

    finish(rehearse(Rehearsal(name)), "rehearse", output)
