"""Which action does what on the controller; every other module goes to the agent with its rendered arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from provision.agent.specs import KNOWN_ELSEWHERE, SPECS
from provision.engine.actions import files, talking, waiting
from provision.engine.actions.decision import Decision, Here, Setting, There
from provision.playbook.values import Task

_HERE: Mapping[str, Callable[[Setting], Decision]] = {
    "assert": talking.check_that,
    "debug": talking.debug,
    "fail": talking.fail,
    "reboot": waiting.reboot,
    "set_fact": talking.set_fact,
    "wait_for_connection": waiting.wait_for_connection,
}

_PARTLY_HERE: Mapping[str, Callable[[Setting], Decision]] = {
    "copy": files.copy,
    "fetch": files.fetch,
    "template": files.template,
    "unarchive": files.unarchive,
    "uri": files.uri,
}

EVALUATES: Mapping[str, frozenset[str]] = {"assert": frozenset({"that"}), "debug": frozenset({"var"})}
"""Arguments that an action evaluates itself: conditions and names, not templates."""

ANSWER_FIRST = frozenset({"setup", "fetch"})
"""Actions whose answer changes what later tasks see, beyond what `register` says."""


def acts_here(task: Task) -> bool:
    """Whether the action is done on the controller, in order with everything before it."""
    return task.action in _HERE or task.action not in SPECS


def decide(setting: Setting) -> Decision:
    """What this task means for this host."""
    action = setting.task.action
    deciding = _HERE.get(action) or _PARTLY_HERE.get(action)
    if deciding is not None:
        return deciding(setting)
    if action not in SPECS:
        return Here(_lacking(action))
    return There(action, setting.args)


def _lacking(action: str) -> dict[str, object]:
    known = action in KNOWN_ELSEWHERE
    reason = "is a module of Ansible that provision does not have" if known else "is no module that provision knows"
    return {
        "failed": True,
        "changed": False,
        "msg": f"{action} {reason}",
        "hint": "guard the task with a `when`, or run it with ansible-playbook",
    }
