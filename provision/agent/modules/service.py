"""Services by whatever runs them: systemd here, or else the `service` program."""

from __future__ import annotations

import os
from typing import Any, Dict, Mapping, Optional

from provision.agent.change import Answer, Change, Unchanged, together
from provision.agent.errors import Failed
from provision.agent.modules import systemd
from provision.agent.target import Target

_SYSTEMD = ("auto", "systemd", "ansible.builtin.systemd", "ansible.legacy.systemd")


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """As systemd where that is in charge; arguments that mean nothing to it draw a warning, as in Ansible."""
    if args["use"] in _SYSTEMD and os.path.isdir("/run/systemd/system"):
        return systemd.look(_for_systemd(args, target), target)
    if args["use"] not in ("auto", "service", "sysvinit", "ansible.builtin.service", "ansible.builtin.sysvinit"):
        raise Failed("use=%s: only systemd and init scripts are known" % args["use"])
    return _look_script(args, target)


def _for_systemd(args: Mapping[str, Any], target: Target) -> Dict[str, Any]:
    for name, default in (("sleep", None), ("pattern", None), ("arguments", ""), ("runlevel", "default")):
        if args[name] != default:
            target.warn('Ignoring "%s" as it is not used in "systemd"' % name)
    nothing = {"masked": None, "force": None, "daemon_reload": False, "daemon_reexec": False}
    return {**nothing, "scope": "system", "no_block": False, **{key: args[key] for key in ("name", "state", "enabled")}}


def _look_script(args: Mapping[str, Any], target: Target) -> Answer:
    """Machines without a running systemd: containers, mostly."""
    name = args["name"]
    if not os.path.exists("/etc/init.d/" + name):
        raise Failed("Could not find the requested service %s: host" % name)
    if args["pattern"]:
        raise Failed("pattern=%s is refused: the status of an init script is asked from the script" % args["pattern"])
    values = {"name": name, **({"state": args["state"]} if args["state"] else {})}
    parts = [_enable(args, target), _state(args, target)]
    return together("service %s" % name, parts, **values) or Unchanged(values)


def _state(args: Mapping[str, Any], target: Target) -> Optional[Change]:
    name, state = args["name"], args["state"]
    if state is None:
        return None
    running = target.query(target.need("service"), name, "status").rc == 0
    if (state == "started" and running) or (state == "stopped" and not running):
        return None
    verbs = {"started": "start", "stopped": "stop", "restarted": "restart", "reloaded": "reload"}
    verb = verbs[state]

    def perform() -> None:
        argv = [target.need("service"), name]
        if verb == "restart" and args["sleep"]:
            target.must(*argv, "stop", *args["arguments"].split())
            target.sleep(args["sleep"])
            target.must(*argv, "start", *args["arguments"].split())
            return
        target.must(*argv, verb, *args["arguments"].split())

    return Change("%s %s" % (verb, name), perform)


def _enable(args: Mapping[str, Any], target: Target) -> Optional[Change]:
    name, wanted = args["name"], args["enabled"]
    if wanted is None or any(_starts(level, name) for level in "2345") == wanted:
        return None
    verb = "enable" if wanted else "disable"
    return Change("%s %s" % (verb, name), lambda: _update(target, name, verb))


def _update(target: Target, name: str, verb: str) -> None:
    program = target.need("update-rc.d")
    if verb == "enable":
        target.must(program, name, "defaults")
    target.must(program, name, verb)


def _starts(level: str, name: str) -> bool:
    folder = "/etc/rc%s.d" % level
    links = os.listdir(folder) if os.path.isdir(folder) else []
    return any(link.startswith("S") and link[3:] == name for link in links)
