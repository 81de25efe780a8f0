"""`provision completion`: prints the script that teaches a shell our verbs, options and hosts."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script for bash, zsh or fish.

    For bash, once and for all:

        provision completion bash > ~/.local/share/bash-completion/completions/provision
    """
    script = get_completion_class(shell)
    assert script is not None
    click.echo(script(ctx.find_root().command, {}, "provision", "_PROVISION_COMPLETE").source())
