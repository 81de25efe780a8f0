"""A command line for the shell."""

from __future__ import annotations

from typing import Any, Mapping

from provision.agent.change import Answer
from provision.agent.modules import command
from provision.agent.target import Target


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """As command, but the line goes through a shell."""
    return command.look({**args, "_uses_shell": True}, target)
