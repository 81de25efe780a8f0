"""A module looks, and answers: nothing to do, or a Change that closes the gap. Here are the answer and the runner."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

Values = Dict[str, Any]
Perform = Callable[[], Optional[Values]]


class Change(NamedTuple):
    """What is to be done. `before` and `after` make the diff: texts, or mappings; None when there is nothing to show.

    `perform` does it and may return more values for the result, `changed` and `failed` among them. `values` are known
    beforehand, so check mode returns them as well. `parts` are performed in order when there is no `perform`.
    """

    summary: str
    perform: Optional[Perform] = None
    before: Any = None
    after: Any = None
    before_header: str = ""
    after_header: str = ""
    values: Mapping[str, Any] = {}
    parts: Tuple["Change", ...] = ()

    def diffs(self) -> List[Values]:
        """The diffs of this change and of its parts, as Ansible returns them."""
        own = [] if self.before is None and self.after is None else [self._diff()]
        return own + [diff for part in self.parts for diff in part.diffs()]

    def _diff(self) -> Values:
        diff = {"before": self.before, "after": self.after}
        if self.before_header or self.after_header:
            diff.update(before_header=self.before_header, after_header=self.after_header)
        return diff


class Unchanged(NamedTuple):
    """As is wanted; `values` are what was seen on the way."""

    values: Mapping[str, Any]


Answer = Union[Change, Unchanged, None]


def together(summary: str, parts: Sequence[Optional[Change]], **values: Any) -> Optional[Change]:
    """One Change of several; None when there is none."""
    changes = tuple(part for part in parts if part is not None)
    return Change(summary, parts=changes, values=values) if changes else None


def apply(change: Change) -> Values:
    """Do it, parts in order, and collect what they return."""
    values: Values = dict(change.values)
    values.update((change.perform() if change.perform else None) or {})
    for part in change.parts:
        values.update(apply(part))
    return values


def answered(change: Change) -> Values:
    """What check mode returns: everything that is known without doing it."""
    values: Values = dict(change.values)
    for part in change.parts:
        values.update(answered(part))
    return values


def execute(module: Any, args: Mapping[str, Any], target: Any) -> Values:
    """Look, perform unless in check mode, report. The result as Ansible has it, but for what every module gets."""
    answer: Answer = module.look(args, target)
    result: Values = {"changed": isinstance(answer, Change)}
    if isinstance(answer, Unchanged):
        result.update(answer.values)
    if isinstance(answer, Change):
        result.update(answered(answer) if target.check else apply(answer))
        if target.diff and "diff" not in result:
            result["diff"] = answer.diffs()
    if hasattr(module, "report"):
        result.update(module.report(args, target, answer if isinstance(answer, Change) else None))
    return result
