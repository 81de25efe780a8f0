"""Where the playbooks, templates and inventories that come with the package lie."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The folder `playbooks`, `templates` or `inventories`: beside the package in a checkout, inside it in a wheel."""
    checkout = _PACKAGE.parent / name
    return checkout if checkout.is_dir() and (_PACKAGE.parent / "setup.cfg").is_file() else _PACKAGE / name
