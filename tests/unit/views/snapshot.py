"""Compares text with what was stored beside the tests. PROVISION_SNAPSHOTS=update stores it anew."""

from __future__ import annotations

import os
from pathlib import Path


def same_as_snapshot(folder: Path, name: str, text: str) -> bool:
    """Whether the text is the stored one; an AssertionError shows the difference line by line."""
    stored = folder / "snapshots" / f"{name}.txt"
    if os.environ.get("PROVISION_SNAPSHOTS") == "update":
        stored.parent.mkdir(exist_ok=True)
        stored.write_text(text, encoding="utf-8")
    assert stored.exists(), f"{stored} is not stored yet: PROVISION_SNAPSHOTS=update pytest {folder}"
    # Stars and spaces at line ends are part of the text.
    assert text.split("\n") == stored.read_text(encoding="utf-8").split("\n")
    return True
