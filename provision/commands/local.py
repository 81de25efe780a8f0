"""`provision local`: the embedded local cloud, kept up for other clients, looked at, removed."""

from __future__ import annotations

import click

from provision.commands.options import Output, confirm, finish, output_options, yes_option
from provision.settings import folders

PORT = 8555


@click.group("local")
def command() -> None:
    """The embedded local cloud: Google's Compute API on this computer, machines as containers.

    Other commands start it inside themselves (`--cloud local`); nothing here is needed for that.
    """


@command.command("serve")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0: any free one.")
@output_options
def serve(port: int, output: Output) -> None:
    """Keep the cloud up on a port, for Google's own tools and other clients."""
    from provision.local.upkeep import keep_up

    finish(keep_up(folders(), port), "local serve", output)


@command.command("status")
@output_options
def status(output: Output) -> None:
    """Show its machines and rules, and whether Docker is well."""
    from provision.local.upkeep import status as told

    finish(told(folders()), "local status", output)


@command.command("reset")
@yes_option
@output_options
def reset(yes: bool, output: Output) -> None:
    """Remove all its machines, disks, networks and rules; those of other state folders stay."""
    from provision.local.upkeep import reset as removed

    where = folders()
    confirm(f"Remove every machine of the local cloud in {where.local_cloud}?", yes)
    finish(removed(where), "local reset", output)
