"""`provision firewall`: who may reach a machine."""

from __future__ import annotations

import click

from provision.commands.options import CloudChoice, Output, cloud_options, finish, host_argument, output_options


@click.command("firewall")
@host_argument()
@click.option("--allow", multiple=True, metavar="CIDR", help="Open SSH and the service to these alone; repeatable.")
@click.option("--mine", is_flag=True, help="Open them to your present address alone.")
@click.option("--port", type=click.IntRange(1, 65535), help="The speech server is behind this port from now on.")
@cloud_options
@output_options
def command(
    name: str, allow: tuple[str, ...], mine: bool, port: int | None, cloud: CloudChoice, output: Output
) -> None:
    """Show or change who may reach a machine."""
    from provision.machines.access import access
    from provision.machines.book import at_machine
    from provision.settings import folders, load

    job = at_machine(name, load(cloud.flags), folders(), lambda place: access(place, name, allow, mine, port))
    finish(job, "firewall", output)
