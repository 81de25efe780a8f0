"""`provision verify`: measure a speech server from here; the exit code says whether it is good."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provision.commands.options import Output, Verb, finish, host_argument, inventory_option, output_options
from provision.errors import UsageProblem

if TYPE_CHECKING:
    from provision.verify import SpeechTarget

POSITIVE = click.FloatRange(min=0, min_open=True)


def target_option(name: str, parameter: str, help_text: str) -> Callable[[Verb], Verb]:
    """An option for one target; the default stands in verify/target.py."""
    return click.option(name, parameter, type=POSITIVE, metavar="NUMBER", help=help_text)


@click.command("verify")
@host_argument(required=False, default="")
@click.option(
    "--url", default="", metavar="URL", help="A server that we did not deploy: ws://HOST:PORT/api/tts_streaming."
)
@click.option(
    "--key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The file with the API key; of a host of the inventory it is known.",
)
@click.option(
    "--ca-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Trust the certificates signed by this one, for wss://.",
)
@click.option("--voice", default="", help="The voice to speak with; the server takes an unknown one for its default.")
@click.option("--slots", type=click.IntRange(min=1), help="How many slots the server should have.")
@click.option(
    "--runs", type=click.IntRange(min=1), default=20, show_default=True, help="How often to time the first audio."
)
@click.option("--load/--no-load", default=True, help="Fill all slots as well; other clients are refused meanwhile.")
@click.option(
    "--timeout", type=POSITIVE, default=20.0, show_default=True, help="Seconds without any message to give up after."
)
@target_option("--ttfa-p50-ms", "ttfa_p50_ms", "Target: median time to first audio.  [default: 800]")
@target_option("--ttfa-p95-ms", "ttfa_p95_ms", "Target: time to first audio, 95th percentile.  [default: 1000]")
@target_option("--rtf", "rtf_wall_per_audio", "Target: seconds waited for one second of audio.  [default: 1]")
@target_option("--loaded-ttfa-p95-ms", "loaded_ttfa_p95_ms", "Target: p95 with many streams at once.  [default: 2000]")
@target_option("--loaded-rtf", "loaded_rtf_wall_per_audio", "Target: the slowest of many streams.  [default: 1]")
@inventory_option
@output_options
def command(
    name: str,
    url: str,
    key_file: Path | None,
    ca_file: Path | None,
    voice: str,
    slots: int | None,
    runs: int,
    load: bool,
    timeout: float,
    inventory: tuple[str, ...],
    output: Output,
    **targets: float | None,
) -> None:
    """Measure a speech server: does it speak, how soon, how fast, and to how many at once?

    NAME is a host of the inventory; --url names a server that something else deployed. Exit code 5: it works, but not
    as well as asked for.
    """
    from dataclasses import replace

    from provision.verify import Targets, VerifyOptions, verify

    target = _elsewhere(name, url, key_file) if url else _deployed(name, key_file, inventory)
    target = replace(target, voice=voice, ca_file=ca_file, slots_expected=slots)
    asked = {target_name: value for target_name, value in targets.items() if value is not None}
    options = VerifyOptions(runs=runs, targets=Targets(**asked), load=load, patience_s=timeout)
    finish(verify(target, options), "verify", output)


def _elsewhere(name: str, url: str, key_file: Path | None) -> SpeechTarget:
    from provision.verify import SpeechTarget

    if name:
        raise UsageProblem("NAME and --url both say what to verify", hint="give one of the two")
    target = SpeechTarget("", url, _read_key(key_file) if key_file else "", managed=False)
    return SpeechTarget(target.endpoint.address, url, target.key, managed=False)


def _deployed(name: str, key_file: Path | None, inventory: tuple[str, ...]) -> SpeechTarget:
    from provision.inventory import load
    from provision.verify.lookup import target_of

    if not name:
        raise UsageProblem(
            "nothing to verify is named", hint="provision verify NAME, or: provision verify --url ws://..."
        )
    return target_of(load(inventory), name, _read_key(key_file) if key_file else None)


def _read_key(file: Path) -> str:
    from provision.verify.lookup import read_key

    return read_key(file)
