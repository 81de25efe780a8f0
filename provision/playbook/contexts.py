"""What stands inside a play, block, import or role: what it inherits, and its own keywords."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from provision.playbook.keywords import SETTINGS
from provision.playbook.values import Context

_INNERMOST = frozenset({*SETTINGS, "delegate_to", "notify"})


def inherited(around: Context, values: Mapping[str, Any]) -> Context:
    """What stands inside a block, import or role: what is around it, and its own keywords."""
    own = {key: value for key, value in values.items() if key in _INNERMOST and value is not None}
    return replace(
        around,
        when=(*around.when, *values.get("when", ())),
        vars={**around.vars, **values.get("vars", {})},
        tags=around.tags | values.get("tags", frozenset()),
        environment=(*around.environment, *values.get("environment", ())),
        settings={**around.settings, **own},
    )
