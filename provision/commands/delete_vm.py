"""`provision delete-vm`: remove machines and what was created for them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from provision.commands.options import (
    CloudChoice,
    Output,
    cloud_options,
    confirm_by_name,
    dry_run_option,
    finish,
    host_argument,
    output_options,
    yes_option,
)
from provision.errors import UsageProblem

if TYPE_CHECKING:
    from provision.machines.clouds import Place
    from provision.machines.delete import Removal
    from provision.settings import Settings

EVERYTHING = "all"


@click.command("delete-vm")
@host_argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every machine that was made from here.")
@cloud_options
@yes_option
@dry_run_option
@output_options
def command(
    names: tuple[str, ...], everything: bool, cloud: CloudChoice, yes: bool, dry_run: bool, output: Output
) -> None:
    """Delete machines and what was created for them, and nothing else.

    Shows what goes, and asks for the name. What is gone already is no trouble.
    """
    from provision.machines.delete import delete_vm
    from provision.settings import load

    if everything == bool(names):
        raise UsageProblem("name the machines to delete, or say --all", hint="`provision list` shows them")
    settings = load(cloud.flags)
    with ExitStack() as stack:
        removals = _all(settings, stack) if everything else _named(names, settings, stack)
        if removals and not dry_run and not yes:
            _ask(removals, EVERYTHING if everything else " ".join(names))
        finish(delete_vm(removals, dry_run), "delete-vm", output)


def _named(names: tuple[str, ...], settings: Settings, stack: ExitStack) -> list[tuple[Place, Removal]]:
    from provision.machines import book
    from provision.machines.clouds import kind_for, likely_kind, open_cloud, project_of
    from provision.machines.delete import removal_of
    from provision.settings import folders

    places, known = folders(), book.known(folders())
    opened: dict[tuple[str, str], Place] = {}
    removals = []
    for name in dict.fromkeys(names):
        machine = known.get(name, {})
        kind = kind_for(settings, machine, likely_kind(settings, places))
        project = project_of(settings, machine)
        if (kind, project) not in opened:
            opened[kind, project] = stack.enter_context(open_cloud(kind, settings, places, project))
        removals.append((opened[kind, project], removal_of(opened[kind, project], name)))
    return removals


def _all(settings: Settings, stack: ExitStack) -> list[tuple[Place, Removal]]:
    from provision.machines import book
    from provision.machines.clouds import clouds_in_play, open_cloud
    from provision.machines.delete import removals_of_all
    from provision.settings import folders

    places = folders()
    removals = []
    for kind, project in clouds_in_play(settings, book.known(places), places):
        place = stack.enter_context(open_cloud(kind, settings, places, project))
        removals += [(place, removal) for removal in removals_of_all(place)]
    return removals


def _ask(removals: list[tuple[Place, Removal]], name: str) -> None:
    """Show what goes, then ask; what is shown belongs to the question, so both go to stderr."""
    lines = [f"  {removal.name}: {', '.join(removal.parts)}" for _, removal in removals]
    confirm_by_name(name, "\n".join(["This removes", *lines]) + "\nThere is no way back", yes=False)
