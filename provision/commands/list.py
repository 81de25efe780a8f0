"""`provision list`: the machines, with state, address and price."""

from __future__ import annotations

import click

from provision.commands.options import CloudChoice, Output, cloud_options, finish, output_options


@click.command("list")
@cloud_options
@output_options
def command(cloud: CloudChoice, output: Output) -> None:
    """List the machines, with state, address and price.

    All clouds that have machines made from here, or the one that is named.
    """
    from provision.machines import book
    from provision.machines.clouds import clouds_in_play, open_cloud
    from provision.machines.listing import list_vms
    from provision.settings import folders, load

    settings, places = load(cloud.flags), folders()
    clouds = clouds_in_play(settings, book.known(places), places)
    opened = [open_cloud(kind, settings, places, project) for kind, project in clouds]
    finish(list_vms(opened), "list", output)
