"""What the verbs share: options with one meaning everywhere, and `finish`, which runs a job to its exit code."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, NoReturn, TextIO

import click
from click.shell_completion import CompletionItem

from provision.errors import Interrupted, ProvisionError, UsageProblem
from provision.jobs import through
from provision.model import Event, Job, Problem
from provision.settings import folders
from provision.views.opening import open_view
from provision.views.tally import Tally
from provision.views.view import Format, Look, Outcome, View

Verb = Callable[..., Any]
"""A function behind a verb; options change what it takes, which no type can follow."""


@dataclass(frozen=True)
class Output:
    """The output options as given; `format` is None where nobody chose."""

    format: Format | None = None
    verbosity: int = 0
    quiet: bool = False
    color: str = "auto"

    def look(self, stdout: TextIO, stderr: TextIO) -> Look:
        """How to show things on these streams: lively where a person looks at both, else plain."""
        watched = stdout.isatty() and stderr.isatty()
        chosen: Format = self.format or ("human" if watched else "plain")
        return Look(chosen, self.verbosity, self.quiet, self.colored(stderr if chosen == "human" else stdout))

    def colored(self, stream: TextIO) -> bool:
        """Whether to colour what goes to this stream; NO_COLOR switches `auto` off."""
        if self.color == "auto":
            return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        return self.color == "always"


@dataclass(frozen=True)
class CloudChoice:
    """Which cloud, and where in it, as far as flags say; None: what the settings say."""

    cloud: str | None = None
    project: str | None = None
    zone: str | None = None

    @property
    def flags(self) -> dict[str, Any]:
        """The flags as `provision.settings.load` takes them."""
        return {"cloud": self.cloud, "project": self.project, "zone": self.zone}


def output_options(function: Verb) -> Verb:
    """Add `-o -v -q --color`; the verb takes them as `output: Output`."""

    @wraps(function)
    def with_output(*args: Any, **given: Any) -> Any:
        output = Output(given.pop("format_"), given.pop("verbose"), given.pop("quiet"), given.pop("color"))
        return function(*args, output=output, **given)

    return _decorated(
        with_output,
        click.option(
            "-o",
            "--output",
            "format_",
            type=click.Choice(["human", "plain", "json"]),
            envvar="PROVISION_OUTPUT",
            help="How to show it; human on a terminal, plain elsewhere. json: one object a line.",
        ),
        click.option("-v", "--verbose", count=True, help="Tell more: output of commands, values of tasks."),
        click.option("-q", "--quiet", is_flag=True, help="Tell only what failed, and the end."),
        click.option(
            "--color",
            type=click.Choice(["auto", "always", "never"]),
            default="auto",
            envvar="PROVISION_COLOR",
            help="When to colour; NO_COLOR is honoured.",
        ),
    )


def cloud_options(function: Verb) -> Verb:
    """Add `--cloud --project --zone`; the verb takes them as `cloud: CloudChoice`."""

    @wraps(function)
    def with_cloud(*args: Any, **given: Any) -> Any:
        cloud = CloudChoice(given.pop("cloud"), given.pop("project"), given.pop("zone"))
        return function(*args, cloud=cloud, **given)

    return _decorated(
        with_cloud,
        click.option(
            "--cloud",
            type=click.Choice(["local", "gce"]),
            help="gce: Google's; local: the embedded one, without account and cost.",
        ),
        click.option("--project", help="The Google Cloud project."),
        click.option("--zone", help="The zone, such as europe-west4-a."),
    )


def inventory_option(function: Verb) -> Verb:
    """Add `-i`; the verb takes `inventory: tuple[str, ...]`, the tool's own inventory when nothing is said."""

    @wraps(function)
    def with_inventory(*args: Any, **given: Any) -> Any:
        given["inventory"] = given["inventory"] or default_inventory()
        return function(*args, **given)

    return _decorated(
        with_inventory,
        click.option(
            "-i",
            "--inventory",
            multiple=True,
            metavar="PATH|HOST,",
            help="An inventory file, a folder of them, or `host,host,`; the tool's own otherwise. Repeatable.",
        ),
    )


def default_inventory() -> tuple[str, ...]:
    """`PROVISION_INVENTORY` (parted by `:`), else the one that create-vm writes; none before the first machine."""
    told = tuple(part for part in os.environ.get("PROVISION_INVENTORY", "").split(os.pathsep) if part)
    own = folders().inventory
    return told or ((str(own),) if own.exists() else ())


class HostName(click.ParamType):  # type: ignore[type-arg]
    """The name of a host of the inventory; the shell completes it."""

    name = "host"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Names that begin so; an unreadable inventory completes nothing."""
        try:
            names = known_hosts(ctx.params.get("inventory") or default_inventory())
        except ProvisionError:
            names = ()
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def known_hosts(sources: Sequence[str]) -> tuple[str, ...]:
    """The names of all hosts in these inventories, sorted."""
    from provision.inventory import load

    return tuple(sorted(load(sources).hosts))


def host_argument(name: str = "name", **more: Any) -> Callable[[Verb], Verb]:
    """The argument that names a host, with completion."""
    return click.argument(name, type=HostName(), **more)


def dry_run_option(function: Verb) -> Verb:
    """Add `--dry-run`; the verb takes `dry_run: bool`."""
    return _decorated(
        function, click.option("--dry-run", is_flag=True, help="Show what would be done; change nothing.")
    )


def yes_option(function: Verb) -> Verb:
    """Add `-y`; the verb takes `yes: bool` and calls `confirm` or `confirm_by_name`."""
    return _decorated(function, click.option("-y", "--yes", is_flag=True, help="Do not ask."))


def confirm(question: str, yes: bool) -> None:
    """Go on only with consent: `--yes`, or a y on the terminal. Without a terminal nothing is asked."""
    if not (yes or _answer(f"{question} [y/N]: ").strip().lower() in ("y", "yes")):
        raise ProvisionError("not confirmed, nothing was changed")


def confirm_by_name(name: str, what: str, yes: bool) -> None:
    """Go on only when the operator typed the name of what is about to be destroyed."""
    if not (yes or _answer(f"{what}. Type {name} to go on: ").strip() == name):
        raise ProvisionError("the name was not typed, nothing was removed")


def _answer(question: str) -> str:
    if not sys.stdin.isatty():
        raise UsageProblem(
            "this needs a confirmation, and there is no terminal to ask on", hint="repeat the command with --yes"
        )
    click.echo(question, nl=False, err=True)
    return sys.stdin.readline()


def finish(
    job: Job, command: str, output: Output, *, on_interrupt: str = "", detailed_exitcode: bool = False
) -> NoReturn:
    """Feed the job's events to the view asked for, and leave with the exit code that they give.

    `on_interrupt`: what to tell after Ctrl-C when the job itself has nothing to say (see errors.Interrupted).
    `detailed_exitcode`: leave with 3 instead of 0 when something changed or would.
    """
    started = time.monotonic()
    tally = Tally()
    view = open_view(output.look(sys.stdout, sys.stderr), command, sys.stdout, sys.stderr)
    problem, code = None, 0

    def tell(event: Event) -> None:
        tally.add(event)
        view.show(event)

    try:
        # Told from within `through`: Ctrl-C that strikes in a view reaches the job as well, which can clean up.
        for _ in through(job, tell):
            pass
    except ProvisionError as error:
        problem, code = Problem(error.what, error.why, error.hint), error.exit_code
    except KeyboardInterrupt:
        problem, code = Problem("interrupted", on_interrupt), Interrupted.exit_code
    except BaseException:
        view.close()
        raise
    code = code or tally.exit_code or (3 if detailed_exitcode and tally.changed else 0)
    view.end(Outcome(command, code, time.monotonic() - started, problem, tally.data, tally.hosts))
    raise click.exceptions.Exit(code)


def report(error: ProvisionError, command: str, output: Output, seconds: float) -> int:
    """Show an error that came before any job, in the form asked for; its exit code."""
    view: View = open_view(output.look(sys.stdout, sys.stderr), command, sys.stdout, sys.stderr)
    view.end(Outcome(command, error.exit_code, seconds, Problem(error.what, error.why, error.hint)))
    return error.exit_code


def _decorated(function: Verb, *decorators: Callable[[Verb], Verb]) -> Verb:
    for decorator in reversed(decorators):
        function = decorator(function)
    return function
