"""debug, assert, fail, set_fact: actions that need nothing from the target."""

from __future__ import annotations

from typing import Any

from provision.engine.actions.decision import Here, Setting
from provision.errors import ProvisionError


def debug(setting: Setting) -> Here:
    """`msg`, or `var` under its own name."""
    raw = setting.task.args
    if int(setting.argument("verbosity", 0)) > setting.verbosity:
        return Here({"skipped": True, "skipped_reason": "Verbosity threshold not met.", "changed": False})
    if "var" in raw:
        name = str(raw["var"])
        return Here({name: _value_of(setting, name), "changed": False})
    return Here({"msg": setting.argument("msg", "Hello world!"), "changed": False})


def _value_of(setting: Setting, name: str) -> Any:
    try:
        return setting.templar.render("{{ " + name + " }}")
    except ProvisionError:
        return "VARIABLE IS NOT DEFINED!"


def check_that(setting: Setting) -> Here:
    """Ansible's `assert`: every condition of `that`, in order; the first that does not hold fails the task."""
    that = setting.task.args.get("that", [])
    for condition in that if isinstance(that, list) else [that]:
        if not setting.templar.condition(condition):
            message = setting.argument("fail_msg") or setting.argument("msg") or "Assertion failed"
            return Here(
                {"failed": True, "evaluated_to": False, "assertion": condition, "msg": message, "changed": False}
            )
    return Here({"changed": False, "msg": setting.argument("success_msg") or "All assertions passed"})


def fail(setting: Setting) -> Here:
    """Fail with the operator's own words."""
    return Here({"failed": True, "changed": False, "msg": setting.argument("msg", "Failed as requested from task")})


def set_fact(setting: Setting) -> Here:
    """New live variables of this host."""
    render = setting.templar.render
    facts = {str(render(name)): value for name, value in setting.args.items() if name != "cacheable"}
    return Here({"ansible_facts": facts, "changed": False})
