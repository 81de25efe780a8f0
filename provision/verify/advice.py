"""What to do next when a check fails: our own commands for a server that we deployed, plain words for any other."""

from __future__ import annotations

from provision.errors import ProvisionError
from provision.model import Problem
from provision.speech.failures import HungUp, NoFreeSlots, NotReached, Silent, WrongKey
from provision.verify.target import SpeechTarget

UNIT = "moshi-tts"


def problem(error: ProvisionError, target: SpeechTarget) -> Problem:
    """An error of the speech client, with the next command for this very server."""
    match error:
        case NotReached(obstacle="timeout" | "no-route"):
            return Problem(error.what, error.why, firewall(target))
        case NotReached():
            return Problem(error.what, error.why, logs(target))
        case WrongKey():
            return Problem(error.what, error.why, key(target))
        case Silent() if "after Ready" in error.after:
            why = "the model thread is dead or hangs, though HTTP goes on answering 200; only a restart helps"
            return Problem(f"dead inside: {error.what}", why, restart(target))
        case Silent():
            why = "the model thread died or hangs in the middle of its work; its log tells why"
            return Problem(error.what, why, restart(target))
        case NoFreeSlots():
            return Problem(error.what, error.why, restart(target))
        case HungUp():
            return Problem(error.what, error.why, logs(target))
        case _:
            return Problem(error.what, error.why, error.hint)


def firewall(target: SpeechTarget) -> str:
    """How to open the port for us."""
    where = target.endpoint
    return target.open_command or f"open TCP port {where.port} of {where.host} to this computer, or use an SSH tunnel"


def logs(target: SpeechTarget) -> str:
    """Where the server tells what went wrong."""
    if target.managed:
        return f"provision ssh {target.host} -- sudo journalctl -u {UNIT} -n 50 --no-pager"
    return "look at the log of moshi-server"


def restart(target: SpeechTarget) -> str:
    """How to get a living model again."""
    if target.managed:
        return f"provision ssh {target.host} -- sudo systemctl restart {UNIT}"
    return 'restart moshi-server; its log has the reason beside `task failed name="model_loop"`'


def key(target: SpeechTarget) -> str:
    """Where the right key comes from."""
    if target.managed:
        return f"provision deploy {target.host}"
    return "take the key from authorized_ids of the server's config: provision verify --url ... --key-file FILE"


def faster(target: SpeechTarget, option: str) -> str:
    """What to do about a server that is too slow."""
    name = target.host if target.managed else f"--url {target.url} --key-file FILE"
    return f"fewer slots or a faster GPU; or say what is good enough: provision verify {name} {option}"
