"""What a task's raw return values mean: changed_when, failed_when, loops put together, and the Result that is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from provision.model import Diff, Problem, Result, Status
from provision.playbook.values import Task

CENSORED = "the output has been hidden due to the fact that 'no_log: true' was specified for this result"


class Judge(Protocol):
    """Evaluates a condition with extra variables in sight (Templar does)."""

    def condition(self, expression: Any, extra: Mapping[str, Any]) -> bool:
        """Whether the expression holds."""


def judged(task: Task, result: dict[str, Any], judge: Judge) -> dict[str, Any]:
    """The return values after `failed_when` and `changed_when`, which see them under the name of `register`."""
    result.setdefault("changed", False)
    result.setdefault("failed", False)
    if result.get("skipped"):
        return result
    seen = {task.register: result} if task.register else {}
    if task.changed_when is not None:
        result["changed"] = all(judge.condition(one, seen) for one in task.changed_when)
    if task.failed_when is not None:
        failed = all(judge.condition(one, seen) for one in task.failed_when)
        result["failed"] = result["failed_when_result"] = failed
    return result


def status_of(result: Mapping[str, Any]) -> Status:
    """The word for the recap."""
    if result.get("unreachable"):
        return "unreachable"
    if result.get("failed"):
        return "failed"
    if result.get("skipped"):
        return "skipped"
    return "changed" if result.get("changed") else "ok"


def of_items(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The registered value of a loop."""
    everything: dict[str, Any] = {
        "results": list(results),
        "changed": any(one.get("changed") for one in results),
        "failed": any(one.get("failed") for one in results),
        "msg": "All items completed",
    }
    if everything["failed"]:
        everything["msg"] = "One or more items failed"
    if all(one.get("skipped") for one in results):
        everything |= {"skipped": True, "msg": "All items skipped"}
    return everything


def shown(
    host: str,
    title: str,
    task: Task,
    result: Mapping[str, Any],
    *,
    seconds: float = 0.0,
    hidden: bool = False,
    kind: Any = "task",
    item: str = "",
    ignored: bool = False,
    rescued: bool = False,
) -> Result:
    """The Result that views and the journal see. What `no_log` covers never gets into it."""
    status = status_of(result)
    return Result(
        host=host,
        title=title,
        status=status,
        seconds=seconds,
        data={"censored": CENSORED, "changed": bool(result.get("changed"))} if hidden else _public(result),
        diffs=() if hidden else _diffs(result.get("diff")),
        problem=_problem(host, title, task, result, hidden) if status in ("failed", "unreachable") else None,
        kind=kind,
        item=item,
        where=str(task.where),
        ignored=ignored,
        rescued=rescued,
        aloud=task.action == "debug" and status == "ok",
    )


def _public(result: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        key: value for key, value in result.items() if key not in ("diff", "invocation") and not key.startswith("_")
    }


def _problem(host: str, title: str, task: Task, result: Mapping[str, Any], hidden: bool) -> Problem:
    if hidden:
        return Problem(f"{title} failed on {host}", CENSORED, f"{task.where} has no_log: true")
    code = f" (exit code {result['rc']})" if result.get("rc") not in (None, 0) else ""
    message = str(result.get("msg") or "").strip()
    lines = _last_lines(result)
    why = "\n".join(part for part in (message, lines if lines not in message else "") if part)
    return Problem(f"{title} failed on {host}{code}", why, str(result.get("hint") or f"see {task.where}"))


def _last_lines(result: Mapping[str, Any], most: int = 12) -> str:
    text = (
        str(result.get("stderr") or result.get("module_stderr") or "").strip()
        or str(result.get("stdout") or "").strip()
    )
    return "\n".join(text.splitlines()[-most:])


def _diffs(raw: Any) -> tuple[Diff, ...]:
    entries = raw if isinstance(raw, list) else [raw] if raw else []
    return tuple(
        _diff(entry) for entry in entries if isinstance(entry, Mapping) and ("before" in entry or "after" in entry)
    )


def _diff(entry: Mapping[str, Any]) -> Diff:
    before, after = (_text(entry.get(side, "")) for side in ("before", "after"))
    headers = (str(entry.get(f"{side}_header") or side) for side in ("before", "after"))
    return Diff(before, after, *headers)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "".join(f"{key}: {value[key]}\n" for key in sorted(value))
    return str(value)
