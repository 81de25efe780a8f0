"""What an operator asks of a run: the options of `provision play`, as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provision.ssh.door import Door, connect
from provision.ssh.target import Target


@dataclass(frozen=True)
class RunOptions:
    """How to run plays. `connect` opens the door to a host: the real one, a Fabric task's, or a test's."""

    check: bool = False
    diff: bool = False
    tags: frozenset[str] = frozenset()
    skip_tags: frozenset[str] = frozenset()
    limit: str = ""
    start_at_task: str = ""
    extra_vars: Mapping[str, Any] = field(default_factory=dict)
    forks: int = 20
    become: bool = False
    become_user: str = ""
    folder: Path = field(default_factory=Path.cwd)
    connect: Callable[[Target], Door] = connect
