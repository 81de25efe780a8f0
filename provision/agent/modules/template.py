"""A template arrives rendered (`_content`): the rest is copy."""

from __future__ import annotations

from typing import Any, Mapping

from provision.agent.change import Answer
from provision.agent.modules import copy
from provision.agent.target import Target


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """As copy of a single file."""
    return copy.look(args, target)
