"""`provision start`: start a stopped machine."""

from __future__ import annotations

import click

from provision.commands.options import CloudChoice, Output, cloud_options, finish, host_argument, output_options


@click.command("start")
@host_argument()
@cloud_options
@output_options
def command(name: str, cloud: CloudChoice, output: Output) -> None:
    """Start a stopped machine, and wait until it lets us in."""
    from provision.machines.book import at_machine
    from provision.machines.lifecycle import start
    from provision.settings import folders, load

    job = at_machine(name, load(cloud.flags), folders(), lambda place: start(place, name))
    finish(job, "start", output)
