"""`provision deploy`: install the speech server on a host and start it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from provision.commands.options import Output, finish, host_argument, inventory_option, output_options
from provision.model import Summary

if TYPE_CHECKING:
    from provision.deploy import DeployOptions


@click.command("deploy")
@host_argument()
@click.option(
    "--native", "way", flag_value="native", default="native", help="Packages and a systemd unit. The default."
)
@click.option("--docker", "way", flag_value="docker", help="In a container.")
@click.option(
    "--voice-model",
    default="",
    metavar="MODEL",
    help="kyutai/tts-1.6b-en_fr, or tone, which needs no GPU.  [default: by the machine]",
)
@click.option("--slots", type=click.IntRange(min=1), help="How many may speak at once.")
@click.option("--port", type=click.IntRange(1, 65535), help="The port it listens on.")
@click.option("--features", default="", metavar="NAME,NAME", help="Cargo features; cuda where STT runs on a GPU.")
@click.option("--rust-from", default="", metavar="SOURCE", help="auto or rustup: where cargo comes from.")
@click.option("-e", "--extra-vars", multiple=True, metavar="NAME=VALUE|JSON|@FILE", help="Variables above all others.")
@click.option("-C", "--check", is_flag=True, help="Change nothing; tell what would change.")
@click.option("-D", "--diff", is_flag=True, help="Show what changes in files.")
@click.option("--print-ansible", is_flag=True, help="Print the ansible-playbook command line that does the same.")
@inventory_option
@output_options
def command(name: str, inventory: tuple[str, ...], output: Output, **given: Any) -> None:
    """Install the speech server on a host and start it.

    NAME is a host of the inventory. It ends when the server has really spoken; a repeat changes nothing.
    """
    from provision.deploy import ansible_command, deploy

    options = deploy_options(inventory, given)
    if given["print_ansible"]:
        line = ansible_command(name, options)
        if output.format == "json":
            finish(iter([Summary({"ansible": line})]), "deploy", output)
        click.echo(line)
        return
    finish(
        deploy(name, options),
        "deploy",
        output,
        on_interrupt=f"what was under way on {name} may be half done, and a compile goes on there; "
        f"provision deploy {name} continues where it is needed",
    )


def deploy_options(inventory: tuple[str, ...], given: dict[str, Any]) -> DeployOptions:
    """The deploy's options from those of the command line."""
    from provision.commands.extra_vars import extra_vars
    from provision.deploy import DeployOptions

    return DeployOptions(
        inventory=inventory,
        docker=given["way"] == "docker",
        voice_model=given["voice_model"],
        slots=given["slots"],
        port=given["port"],
        features=tuple(word.strip() for word in given["features"].split(",") if word.strip()),
        rust_from=given["rust_from"],
        check=given["check"],
        diff=given["diff"],
        extra_vars=extra_vars(given["extra_vars"]),
    )
