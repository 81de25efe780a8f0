"""The one door through which templates start processes on the controller (lookups `pipe` and `lines`)."""

from __future__ import annotations

import subprocess
from pathlib import Path

from provision.errors import ProvisionError


def output(command: str, folder: Path) -> str:
    """What a shell command prints, without the whitespace at its end."""
    done = subprocess.run(
        command, shell=True, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False
    )
    if done.returncode != 0:
        raise ProvisionError(f"`{command}` exited {done.returncode}")
    return done.stdout.decode("utf-8", "replace").rstrip()
