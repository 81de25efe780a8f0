"""A folder as a test wants it before, and the promise of every module that writes files, tried in one call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.unit.agent.fakes import a_target, run, tree

Layout = Mapping[str, "str | tuple[int, str] | None"]
"""Name -> text of a file, (mode, text), None for a folder; a name "x -> y" is a symbolic link."""


def fill(root: Path, layout: Layout) -> Path:
    """Make what the layout says below an existing folder; modes are 0644 and 0755 unless told."""
    for name, what in layout.items():
        link, arrow, aim = name.partition(" -> ")
        path = root / link
        path.parent.mkdir(parents=True, exist_ok=True)
        if arrow:
            path.symlink_to(aim)
        elif what is None:
            path.mkdir(mode=0o755, exist_ok=True)
        else:
            mode, text = what if isinstance(what, tuple) else (0o644, what)
            path.write_bytes(text.encode())
            path.chmod(mode)
    return root


def texts(root: Path) -> dict[str, str]:
    """The files below a folder, hidden and temporary ones included, and what links point to."""
    return {name: content for name, (kind, _, content) in tree(root).items() if kind != "directory"}


def settled(root: Path, module: str, args: Mapping[str, Any], **settings: Any) -> dict[str, Any]:
    """Run a module as the promise has it, and give the result of the run that counts.

    Check mode says what the run will say and touches nothing; the second run finds nothing to do.
    """
    before = tree(root)
    checked = run(module, args, a_target(check=True, diff=True, **settings))
    assert tree(root) == before, "check mode wrote"
    result = run(module, args, a_target(diff=True, **settings))
    assert "failed" not in result, result["msg"]
    assert (checked["changed"], checked.get("diff")) == (result["changed"], result.get("diff"))
    after = tree(root)
    assert (after != before) <= result["changed"], "changed, and did not say so"
    second = run(module, args, a_target(diff=True, **settings))
    assert (second["changed"], tree(root)) == (False, after), "the second run changed something"
    return result


def refused(root: Path, module: str, args: Mapping[str, Any], **settings: Any) -> str:
    """Run a module that fails and leaves the folder as it was; what it said."""
    before = tree(root)
    result = run(module, args, a_target(**settings))
    assert result.get("failed") is True, result
    assert tree(root) == before
    return str(result["msg"])
