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
    from provision.machines import book
    from provision.machines.clouds import inside_of, likely_kind
    from provision.machines.lifecycle import stop
    from provision.settings import folders, load

    settings, places = load(cloud.flags), folders()
    machine, unknown = book.known(places).get(name, {}), likely_kind(settings, places)
    job = inside_of(settings, places, machine, lambda place: stop(place, name), unknown)
    finish(job, "stop", output)
