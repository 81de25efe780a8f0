"""Functions that templates may call: `lookup`, `query`, `now`, `undef`."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context

from provision.playbook.jinja import Missing, NativeText
from provision.playbook.lookups import look_up
from provision.playbook.scope import TEMPLAR


@pass_context
def query(context: Context, name: str, *terms: Any, **options: Any) -> list[Any]:
    """The lookup's answers as a list."""
    options.pop("wantlist", None)
    return look_up(context.parent[TEMPLAR], name, list(terms), options) or []


@pass_context
def lookup(context: Context, name: str, *terms: Any, **options: Any) -> Any:
    """The lookup's answer: texts joined by commas, a single other value as it is, several as a list."""
    wants_list = options.pop("wantlist", False)
    answers = look_up(context.parent[TEMPLAR], name, list(terms), options)
    if wants_list or not answers:
        return answers
    if all(isinstance(answer, str) for answer in answers):
        text = ",".join(answers)
        return NativeText(text) if isinstance(answers[0], NativeText) else text
    return answers[0] if len(answers) == 1 else answers


def now(utc: bool = False, fmt: str | None = None) -> Any:
    moment = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) if utc else datetime.datetime.now()
    return moment.strftime(fmt) if fmt else moment


def undef(hint: Any = None) -> Missing:
    return Missing(hint=str(hint) if hint else "Mandatory variable has not been overridden")


FUNCTIONS: Mapping[str, Any] = {"lookup": lookup, "query": query, "q": query, "now": now, "undef": undef}
