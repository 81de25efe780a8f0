"""Files of variables (`vars_files`, `include_vars`, role vars and defaults): each is one mapping."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from provision.inventory.vars_files import read_vars


def load_mapping(path: Path) -> Mapping[str, Any]:
    """The variables in this file, read once while it stays as it is. Raises InputErrors or UsageProblem."""
    try:
        changed_ns = path.stat().st_mtime_ns
    except (OSError, ValueError):
        changed_ns = 0
    return _loaded(path, changed_ns)


@lru_cache(maxsize=512)
def _loaded(path: Path, changed_ns: int) -> Mapping[str, Any]:
    return read_vars(path)
