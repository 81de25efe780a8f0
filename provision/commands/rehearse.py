"""`provision rehearse`: the main job on the embedded local cloud."""

from __future__ import annotations

import click

from provision.commands.options import Output, finish, output_options


@click.command("rehearse")
@click.option("--name", default="rehearsal", show_default=True, metavar="NAME", help="The machine's name.")
@click.option("--remove", is_flag=True, help="Remove the machine at the end.")
@output_options
def command(name: str, remove: bool, output: Output) -> None:
    """The main job on the embedded local cloud: no account, no cost.

    Makes a machine (a container with systemd and sshd), compiles moshi-server there, starts it with a voice that needs
    no model, and measures it. The first time takes minutes, most of them for the compile; a repeat takes seconds, most
    of them for the measurement.
    """
    from provision.rehearsal import Rehearsal, rehearse

    finish(rehearse(Rehearsal(name, remove)), "rehearse", output)
