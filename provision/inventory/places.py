"""Whether there is a file or folder of some name; a name that no disk can hold is not there, and no error."""

from __future__ import annotations

import os.path
from pathlib import Path


def exists(path: str | Path) -> bool:
    """Whether something is there."""
    return os.path.exists(path)  # noqa: PTH110  (Path.exists raises for names that are too long)


def is_file(path: str | Path) -> bool:
    """Whether a file is there."""
    return os.path.isfile(path)  # noqa: PTH113  (as above)


def is_folder(path: str | Path) -> bool:
    """Whether a folder is there."""
    return os.path.isdir(path)  # noqa: PTH112  (as above)
