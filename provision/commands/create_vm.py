"""`provision create-vm`: a machine with its firewall rules and a host key we trust."""

from __future__ import annotations

from typing import Any

import click

from provision.commands.options import CloudChoice, Output, cloud_options, dry_run_option, finish, output_options


@click.command("create-vm")
@click.argument("name")
@click.option("--gpu", metavar="GPU[:COUNT]", help="l4, a100, h100, t4 ... or the accelerator type; none without.")
@click.option("--machine-type", metavar="TYPE", help="The machine type.  [default: by the GPU]")
@click.option("--image", metavar="IMAGE", help="debian-12, ubuntu-2204, PROJECT/FAMILY ...  [default: debian-12]")
@click.option(
    "--disk-gb", type=click.IntRange(min=10), help="Size of the boot disk.  [default: 100 with a GPU, else 30]"
)
@click.option("--disk-type", metavar="TYPE", help="pd-balanced, pd-ssd ...  [default: by the machine type]")
@click.option("--network", metavar="NETWORK", help="The network it is put into.  [default: default]")
@click.option("--spot/--standard", "spot", default=None, help="Spare capacity that can be taken away, or not.")
@click.option("--max-run", metavar="TIME", help="Its longest life: 24h, 90m, none.  [default: 24h on Google]")
@click.option("--max-run-action", type=click.Choice(["delete", "stop"]), help="What ends it.  [default: delete]")
@click.option("--allow", multiple=True, metavar="CIDR", help="Who may reach it, repeatable.  [default: your address]")
@click.option(
    "--port", "service_port", type=click.IntRange(1, 65535), help="The speech server's port.  [default: 8080]"
)
@click.option("--user", "ssh_user", metavar="USER", help="The user to make and log in as.  [default: provision]")
@cloud_options
@dry_run_option
@click.option("--detailed-exitcode", is_flag=True, help="Leave with 3 when something changed, or would.")
@output_options
def command(
    name: str, cloud: CloudChoice, dry_run: bool, detailed_exitcode: bool, output: Output, **given: Any
) -> None:
    """Create a GPU machine, with its firewall rules and a host key we trust.

    A repeat with the same options changes nothing; with different ones it shows the difference and refuses.
    """
    from provision.machines.book import at_machine
    from provision.machines.create import create_vm
    from provision.machines.wish import wish_from
    from provision.settings import folders, load

    settings = load({**cloud.flags, **given})
    job = at_machine(
        name, settings, folders(), lambda place: create_vm(place, wish_from(name, settings), dry_run), is_new=True
    )
    finish(job, "create-vm", output, detailed_exitcode=detailed_exitcode)
