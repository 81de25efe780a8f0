"""`provision inventory`: shows hosts, groups and variables as they are understood, as ansible-inventory does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from provision.commands.options import HostName, Output, finish, inventory_option, output_options
from provision.errors import UsageProblem
from provision.model import Summary
from provision.views.jsonlines import as_json

if TYPE_CHECKING:
    from provision.inventory import Group, Host, Inventory


@click.command("inventory")
@inventory_option
@click.option("--list", "form", flag_value="list", default=True, help="Everything, as JSON (the default).")
@click.option("--host", metavar="NAME", type=HostName(), help="The variables of one host, as JSON.")
@click.option("--graph", "form", flag_value="graph", help="The groups and hosts as a tree.")
@click.option("-l", "--limit", default="", metavar="PATTERN", help="Only these hosts.")
@output_options
def command(inventory: tuple[str, ...], form: str, host: str | None, limit: str, output: Output) -> None:
    """Show the inventory as it is understood."""
    from provision.inventory import load

    loaded = load(inventory)
    if host:
        _tell({"host": host, "vars": host_vars(loaded, host)}, "vars", output)
    if form == "graph" and output.format != "json":
        click.echo("\n".join(graph(loaded, "all")))
        raise click.exceptions.Exit(0)
    _tell({"inventory": as_ansible(loaded, limit)}, "inventory", output)


def _tell(data: dict[str, Any], asked: str, output: Output) -> None:
    """As Ansible's JSON, or as our last object."""
    if output.format == "json":
        finish(iter([Summary(data)]), "inventory", output)
    click.echo(json.dumps(as_json(data[asked]), indent=4, sort_keys=True, ensure_ascii=False))
    raise click.exceptions.Exit(0)


def host_vars(inventory: Inventory, name: str) -> dict[str, Any]:
    """The variables of one host."""
    host = inventory.host(name)
    if host is None:
        raise UsageProblem(f"the inventory has no host `{name}`", hint="provision inventory --graph")
    return _written(host)


def _written(host: Host) -> dict[str, Any]:
    """The host's variables, without those that only say where they were read."""
    return {name: value for name, value in host.vars.items() if name not in ("inventory_dir", "inventory_file")}


def as_ansible(inventory: Inventory, limit: str = "") -> dict[str, Any]:
    """What `ansible-inventory --list` prints: the groups, and under `_meta` the variables of every host."""
    hosts = inventory.select("all", limit)
    names = {host.name for host in hosts}
    told = {name: entry for name, group in inventory.groups.items() if (entry := _entry(inventory, group, names))}
    variables = {host.name: written for host in hosts if (written := _written(host))}
    return {**told, "_meta": {"hostvars": variables}}


def _entry(inventory: Inventory, group: Group, names: set[str]) -> dict[str, list[str]]:
    hosts = [] if group.name == "all" else [host for host in own_hosts(inventory, group) if host in names]
    parts = {"children": list(group.children), "hosts": hosts}
    return {name: part for name, part in parts.items() if part}


def own_hosts(inventory: Inventory, group: Group) -> list[str]:
    """The hosts of a group that none of its children has."""
    below = {host for child in group.children for host in inventory.groups[child].hosts}
    return [host for host in group.hosts if host not in below]


def graph(inventory: Inventory, name: str, depth: int = 0) -> Iterator[str]:
    """What `ansible-inventory --graph` prints."""
    group = inventory.groups[name]
    yield f"{'  |' * depth}{'--' if depth else ''}@{name}:"
    for child in group.children:
        yield from graph(inventory, child, depth + 1)
    for host in own_hosts(inventory, group) if name != "all" else ():
        yield f"{'  |' * (depth + 1)}--{host}"
