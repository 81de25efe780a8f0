"""Locks between threads and processes that share one state folder, and who is still alive."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the lock of that file; it ends with the process whatever happens to it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def this_process() -> str:
    """A name for this process that no later one can have: number and start time."""
    return f"{os.getpid()}@{_started(os.getpid())}"


def is_alive(owner: str) -> bool:
    """Whether the process of that name still runs."""
    pid, _, started = owner.partition("@")
    return pid.isdigit() and bool(started) and _started(int(pid)) == started


def _started(pid: int) -> str:
    """Start time in clock ticks since the boot, and the boot: empty when there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else f"{fields[19]}.{boot[:8]}"
