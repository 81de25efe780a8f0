"""`provision stop`: stop a machine."""

from __future__ import annotations

import click

from provision.commands.options import CloudChoice, Output, cloud_options, finish, host_argument, output_options


@click.command("stop")
@host_argument()
@cloud_options
@output_options
def command(name: str, cloud: CloudChoice, output: Output) -> None:
    """Stop a machine; its disk keeps costing, its computing does not."""
    from provision.machines.book import at_machine
    from provision.machines.lifecycle import stop
    from provision.settings import folders, load

    job = at_machine(name, load(cloud.flags), folders(), lambda place: stop(place, name))
    finish(job, "stop", output)
