"""The command line: finds the verb, runs it, and is the only place that turns errors into text and exit codes."""

from __future__ import annotations

import difflib
import os
import pkgutil
import select
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, TextIO, cast

import click
from click.shell_completion import CompletionItem

from provision import commands
from provision.commands.options import Output, report
from provision.errors import Interrupted, ProvisionError, UsageProblem
from provision.views.view import Format

VERBS: dict[str, dict[str, str]] = {
    "The main job": {
        "create-vm": "Create a GPU machine, with its firewall rules and a host key we trust.",
        "deploy": "Install the speech server on a host and start it.",
        "verify": "Measure the speech server; the exit code says whether it is good.",
        "up": "create-vm, deploy and verify in a row.",
        "rehearse": "The main job on the embedded local cloud: no account, no cost.",
    },
    "Machines": {
        "list": "List the machines, with state, address and price.",
        "ssh": "Open a shell on a machine, or run a command there.",
        "start": "Start a stopped machine.",
        "stop": "Stop a machine; its disk keeps costing.",
        "delete-vm": "Delete machines and what was created for them, and nothing else.",
        "firewall": "Show or change who may reach a machine.",
        "bake": "Make an image of a deployed machine.",
        "fleet": "The main job on many machines.",
        "local": "The embedded local cloud: serve, status, reset.",
    },
    "The service": {
        "status": "Tell how a host and its speech server are.",
        "logs": "Show the speech server's log.",
        "restart": "Restart the speech server.",
        "rotate-key": "Give the speech server a new API key.",
        "upgrade": "Move to another version of the speech server.",
        "rollback": "Go back to the version that ran before.",
        "tune": "Find the number of slots that a machine can hold.",
        "doctor": "Look for known faults, here and on a host.",
    },
    "Playbooks": {
        "play": "Run Ansible playbooks.",
        "run": "Run one module on many hosts.",
        "inventory": "Show the inventory as it is understood.",
    },
    "The shell": {
        "completion": "Print the completion script for bash, zsh or fish.",
    },
}
"""Every verb with its summary, by section. It stands here and not in the verbs' files: `--help` shall load none."""


class Verbs(click.Group):
    """A group whose verbs are the modules of `provision.commands`, loaded when called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs that are there, in the order of the table."""
        return [verb for section in VERBS.values() for verb in section if verb in _present()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one verb."""
        if cmd_name not in _present():
            return None
        return cast(click.Command, import_module(f"{commands.__name__}.{module_name(cmd_name)}").command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """An unknown verb is answered with the nearest one."""
        verb = args[0]
        if verb not in _present() and not verb.startswith("-"):
            near = difflib.get_close_matches(verb, self.list_commands(ctx), n=1)
            raise UsageProblem(
                f"there is no command `{verb}`",
                why=f"did you mean `{near[0]}`?" if near else "",
                hint=f"provision {near[0]} --help" if near else "provision --help",
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The sections of the table."""
        for title, verbs in VERBS.items():
            if rows := [(verb, summary) for verb, summary in verbs.items() if verb in _present()]:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Verbs from the table, without loading them."""
        present = {verb: text for section in VERBS.values() for verb, text in section.items() if verb in _present()}
        verbs = [CompletionItem(verb, help=text) for verb, text in present.items() if verb.startswith(incomplete)]
        return verbs or click.Command.shell_complete(self, ctx, incomplete)


def module_name(verb: str) -> str:
    """The module of a verb: `create-vm` lies in `create_vm.py`."""
    return verb.replace("-", "_")


def _present() -> frozenset[str]:
    """The verbs whose module is there."""
    modules = {module.name for module in pkgutil.iter_modules(commands.__path__)}
    return frozenset(verb for section in VERBS.values() for verb in section if module_name(verb) in modules)


@click.group(
    cls=Verbs,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 as wanted, 1 failed, 2 wrong usage or input, 3 dry run found changes (when asked to tell), "
    "4 not reachable or not allowed, 5 verified below target, 130 interrupted.",
)
@click.version_option(package_name="provision", message="%(prog)s %(version)s")
@click.pass_context
def group(ctx: click.Context) -> None:
    """Streaming speech servers on GPU machines: created, deployed, verified."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def run(arguments: Sequence[str]) -> int:
    """Run the command line in this process; the exit code."""
    try:
        return _run(arguments)
    except BrokenPipeError:
        broken = _without_reader()
        if not broken:
            raise
        for stream in broken:
            # The interpreter flushes once more at exit, and would complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return 128 + signal.SIGPIPE


def _run(arguments: Sequence[str]) -> int:
    started = time.monotonic()
    try:
        return _invoke(list(arguments))
    except KeyboardInterrupt:
        error: ProvisionError = Interrupted("interrupted")
    except click.ClickException as wrong:
        error = usage_problem(wrong)
    except ProvisionError as known:
        error = known
    except Exception as unknown:
        # The edge of the program: whatever it is, the operator gets a sentence.
        if os.environ.get("PROVISION_TRACEBACK") or (isinstance(unknown, BrokenPipeError) and _without_reader()):
            raise
        error = unexpected(unknown, arguments)
    return report(error, command_of(arguments), output_of(arguments), time.monotonic() - started)


def _invoke(arguments: list[str]) -> int:
    """Click's own `main` is not used: it takes any broken pipe, also one to a host, for a reader that went away."""
    try:
        with group.make_context("provision", arguments) as context:
            group.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.Abort as aborted:
        raise KeyboardInterrupt from aborted
    return 0


def usage_problem(error: click.ClickException) -> UsageProblem:
    """Click's complaint as ours, with the help that would have helped."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    return UsageProblem(error.format_message(), hint=f"{context.command_path if context else 'provision'} --help")


def unexpected(error: Exception, arguments: Sequence[str]) -> ProvisionError:
    """A fault of ours, or of the computer, told in one paragraph."""
    last = error.__traceback__
    while last and last.tb_next:
        last = last.tb_next
    place = f" at {last.tb_frame.f_code.co_filename}:{last.tb_lineno}" if last else ""
    hint = f"for the traceback: PROVISION_TRACEBACK=1 {shlex.join(['provision', *arguments])}"
    if isinstance(error, OSError):
        return ProvisionError(f"the operating system refused: {error}", f"asked for{place}", hint)
    return ProvisionError(
        f"provision itself failed: {type(error).__name__}: {error}",
        f"this is a mistake in provision{place}, not in what you typed",
        hint,
    )


def output_of(arguments: Sequence[str]) -> Output:
    """The output options, read from the raw words: they must hold also where the words were wrong."""
    chosen = os.environ.get("PROVISION_OUTPUT", "")
    color = os.environ.get("PROVISION_COLOR", "auto")
    for word, following in zip(arguments, [*arguments[1:], ""]):
        if word in ("-o", "--output"):
            chosen = following
        elif word.startswith("--output="):
            chosen = word.partition("=")[2]
        elif word.startswith("-o") and not word.startswith("--"):
            chosen = word[2:]
        elif word == "--color":
            color = following
    known: dict[str, Format] = {"human": "human", "plain": "plain", "json": "json"}
    return Output(known.get(chosen), color=color)


def command_of(arguments: Sequence[str]) -> str:
    """The verb among the raw words, as far as there is one."""
    return next((word for word in arguments if not word.startswith("-")), "provision")


def _without_reader() -> list[TextIO]:
    """Our own stdout or stderr, where that is the broken pipe, and not one to a host."""
    return [stream for stream in (sys.stdout, sys.stderr) if _is_broken(stream)]


def _is_broken(stream: TextIO) -> bool:
    poll = select.poll()
    try:
        poll.register(stream.fileno(), 0)
    except (OSError, ValueError):
        return False
    return any(flags & select.POLLERR for _, flags in poll.poll(0))


def _terminated(number: int, frame: Any) -> NoReturn:
    """SIGTERM is left by the same door as Ctrl-C, so that jobs clean up."""
    raise KeyboardInterrupt


def main() -> NoReturn:
    """The console script."""
    # Closed by the caller (`>&-`): then what would go there goes nowhere.
    sys.stdout, sys.stderr = (
        stream or Path(os.devnull).open("w")  # noqa: SIM115 - it lives as long as the process
        for stream in (sys.stdout, sys.stderr)
    )
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    if os.environ.get("_PROVISION_COMPLETE"):
        from click.shell_completion import shell_complete

        sys.exit(shell_complete(group, {}, "provision", "_PROVISION_COMPLETE", os.environ["_PROVISION_COMPLETE"]))
    signal.signal(signal.SIGTERM, _terminated)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
