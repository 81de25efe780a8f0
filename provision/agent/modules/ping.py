"""Says that Python runs there."""

from __future__ import annotations

from typing import Any, Mapping

from provision.agent.change import Answer, Unchanged
from provision.agent.target import Target


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """Give back what was sent; "crash" crashes, as in Ansible."""
    if args["data"] == "crash":
        raise ValueError("boom")
    return Unchanged({"ping": args["data"]})
