"""`provision play`: runs Ansible playbooks on the hosts of an inventory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provision.commands.options import Output, finish, inventory_option, output_options
from provision.model import Job, Note, Summary

if TYPE_CHECKING:
    from provision.commands.listings import Book, Wanted
    from provision.engine.options import RunOptions
    from provision.inventory import Inventory
    from provision.ssh.door import Door
    from provision.ssh.target import Target


@click.command("play")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@inventory_option
@click.option("-l", "--limit", default="", metavar="PATTERN", help="Only these hosts of the plays.")
@click.option("-e", "--extra-vars", multiple=True, metavar="NAME=VALUE|JSON|@FILE", help="Variables above all others.")
@click.option("-t", "--tags", multiple=True, metavar="TAG,TAG", help="Only tasks with one of these tags.")
@click.option("--skip-tags", multiple=True, metavar="TAG,TAG", help="No tasks with one of these tags.")
@click.option("-C", "--check", is_flag=True, help="Change nothing; tell what would change.")
@click.option("-D", "--diff", is_flag=True, help="Show what changes in files.")
@click.option("--start-at-task", default="", metavar="NAME", help="Begin with the task of this name.")
@click.option("-f", "--forks", type=click.IntRange(min=1), default=20, show_default=True, help="Hosts at once.")
@click.option("-b", "--become", is_flag=True, help="Run tasks as another user, root unless told.")
@click.option("--become-user", default="", metavar="USER", help="The user to become.")
@click.option("-u", "--user", default="", metavar="USER", help="Log in as this user where the inventory names none.")
@click.option("--private-key", default="", metavar="PATH", help="Log in with this key where the inventory names none.")
@click.option("-T", "--timeout", type=click.FloatRange(min=0.1), metavar="SECONDS", help="To wait for a connection.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit code 3 instead of 0 when something changed or would.")
@click.option("--list-tasks", is_flag=True, help="List the tasks; run nothing.")
@click.option("--list-hosts", is_flag=True, help="List the hosts; run nothing.")
@click.option("--list-tags", is_flag=True, help="List the tags; run nothing.")
@click.option("--syntax-check", is_flag=True, help="Read the playbooks; run nothing.")
@output_options
def command(files: tuple[Path, ...], inventory: tuple[str, ...], output: Output, **given: Any) -> None:
    """Run Ansible playbooks.

    FILE is an Ansible playbook; the words mean what they mean to ansible-playbook. What we do not know is refused
    with file and line before any host is touched.
    """
    from provision.inventory import load

    options = run_options(given)
    books = [_book(path, options.extra_vars) for path in files]
    hosts = load(inventory)
    if given["list_tasks"] or given["list_hosts"] or given["list_tags"] or given["syntax_check"]:
        _list(books, hosts, _wanted(given), output)
    finish(
        _job(books, hosts, options),
        "play",
        output,
        on_interrupt="tasks that were under way may have been half done; a repeat continues where it is needed",
        detailed_exitcode=given["detailed_exitcode"],
    )


def run_options(given: dict[str, Any]) -> RunOptions:
    """The engine's options from those of the command line."""
    from provision.commands.extra_vars import extra_vars
    from provision.engine.options import RunOptions

    return RunOptions(
        check=given["check"],
        diff=given["diff"],
        tags=words(given["tags"]),
        skip_tags=words(given["skip_tags"]),
        limit=given["limit"],
        start_at_task=given["start_at_task"],
        extra_vars=extra_vars(given["extra_vars"]),
        forks=given["forks"],
        become=given["become"],
        become_user=given["become_user"],
        connect=connecting(given["user"], given["private_key"], given["timeout"]),
    )


def words(given: Sequence[str]) -> frozenset[str]:
    """The tags of options that may be repeated and hold lists."""
    return frozenset(word.strip() for text in given for word in text.split(",") if word.strip())


def connecting(user: str, key: str, timeout_s: float | None) -> Callable[[Target], Door]:
    """How to reach hosts: the inventory's word goes first, as in Ansible."""
    from provision.ssh.door import connect

    def connect_as(target: Target) -> Door:
        keys = target.key_files or ((Path(key).expanduser(),) if key else ())
        told = replace(target, user=target.user or user, key_files=keys)
        return connect(replace(told, connect_timeout_s=timeout_s) if timeout_s else told)

    return connect_as


def _book(path: Path, extra_vars: Mapping[str, Any]) -> Book:
    from provision.commands.listings import Book
    from provision.playbook import read_playbook

    return Book(path, read_playbook(path, extra_vars))


def _job(books: Sequence[Book], inventory: Inventory, options: RunOptions) -> Job:
    from provision.engine.run import run

    if options.check:
        yield Note("dry run: nothing is changed")
    yield from run([play for book in books for play in book.plays], inventory, options)


def _wanted(given: dict[str, Any]) -> Wanted:
    from provision.commands.listings import Wanted

    return Wanted(
        tasks=given["list_tasks"],
        tags=given["list_tags"],
        hosts=given["list_hosts"],
        only=words(given["tags"]),
        skip=words(given["skip_tags"]),
        limit=given["limit"],
    )


def _list(books: Sequence[Book], inventory: Inventory, wanted: Wanted, output: Output) -> None:
    from provision.commands.listings import as_data, listing

    if output.format == "json":
        finish(iter([Summary({"plays": as_data(books, inventory, wanted)})]), "play", output)
    for line in listing(books, inventory, wanted):
        click.echo(line)
    raise click.exceptions.Exit(0)
