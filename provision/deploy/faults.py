"""Known ways in which a deploy fails on a host, told as what, why and next."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from provision.model import Problem, Result


@dataclass(frozen=True)
class Fault:
    """Words that give it away, and how it is told."""

    words: re.Pattern[str]
    told: Callable[[str], Problem]


def _fault(words: str, what: str, why: str, hint: str) -> Fault:
    def told(host: str) -> Problem:
        return Problem(*(text.replace("HOST", host) for text in (what, why, hint)))

    return Fault(re.compile(words, re.IGNORECASE), told)


# What our own roles say comes first: they quote errors that would match others.
FAULTS = (
    _fault(
        r"no cargo \S+ or newer, and none to be had",
        "HOST has no cargo that is new enough, and none can be fetched",
        "",
        "put one into /usr/local/bin of HOST, or name a mirror: provision deploy HOST --native -e rustup_init_url=URL",
    ),
    _fault(
        r"does not speak",
        "the speech server on HOST was started and does not speak",
        "",
        "provision ssh HOST -- sudo journalctl --unit moshi-tts --lines 50",
    ),
    _fault(
        r"MB free,\s+the build needs",
        "the disk of HOST is too small to compile moshi-server",
        "",
        "create the machine with a larger disk, or build in a folder with room: -e moshi_cache_dir=FOLDER",
    ),
    _fault(
        r"no space left on device|disk quota exceeded",
        "the disk of HOST is full",
        "the build needs about 4 GB, the Python side of a real voice 8 GB more",
        "see what fills it: provision ssh HOST -- df -h; then create the machine with a larger disk",
    ),
    _fault(
        r"signal: 9, SIGKILL|Killed signal terminated program|out of memory|Cannot allocate memory",
        "HOST ran out of memory while compiling",
        "the kernel killed a compiler; every job takes about 1.8 GB",
        "provision deploy HOST --native -e moshi_build_mb_per_job=4000, or use a machine with more memory",
    ),
    _fault(
        r"SSL certificate problem|CERTIFICATE_VERIFY_FAILED|certificate verify failed",
        "HOST does not trust a server it downloads from",
        "a proxy on the way shows its own certificate",
        "put the proxy's root into /usr/local/share/ca-certificates of HOST, run update-ca-certificates there, repeat",
    ),
    _fault(
        r"Could not resolve (host|proxy)|Temporary failure (in name resolution|resolving)|Failed to connect to|"
        r"Connection timed out|Network is unreachable|spurious network error|Failed to establish a new connection",
        "HOST cannot download what it needs",
        "it reaches the network not at all, or only through a proxy",
        "set the proxy for HOST, moshi_environment: {https_proxy: http://PROXY:PORT}, and deploy again",
    ),
    _fault(
        r"Could not get lock|Unable to acquire the dpkg frontend lock|Failed to lock apt",
        "another program on HOST holds apt's lock",
        "first-boot upgrades take it for minutes",
        "wait until they are done, provision ssh HOST -- cloud-init status --wait, and deploy again",
    ),
)


def explained(result: Result) -> Result:
    """The same Result; where its failure is a known one, with a Problem that says what to do."""
    if result.problem is None or result.ignored or result.rescued or result.status != "failed":
        return result
    known = next((fault for fault in FAULTS if fault.words.search(_text(result))), None)
    return replace(result, problem=_with_lines(known.told(result.host), result.problem)) if known else result


def _text(result: Result) -> str:
    assert result.problem is not None
    said = (result.data.get(name) for name in ("msg", "stderr", "stdout", "module_stderr"))
    return "\n".join([result.problem.why, *(str(text) for text in said if text)])


def _with_lines(told: Problem, original: Problem) -> Problem:
    """The last lines stay to be read: a guess that is wrong must not hide them."""
    return replace(told, why="\n".join(part for part in (told.why, f"{original.what}:", original.why) if part))
