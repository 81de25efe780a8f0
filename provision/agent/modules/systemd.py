"""Units of systemd: running, enabled, masked; and telling systemd to read its files again."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Mapping, Optional, Tuple

from provision.agent.change import Answer, Change, Unchanged, Values, together
from provision.agent.errors import Failed
from provision.agent.process import Completed
from provision.agent.target import Target

_RUNNING = ("active", "activating", "reloading")
_NOT_REALLY_ENABLED = ("enabled-runtime", "indirect", "alias")


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """Reload first, because the answers to the other questions depend on it; then mask, enable, state."""
    unit = args["name"]
    if unit and any(sign in unit for sign in "*?["):
        raise Failed("This module does not currently support using glob patterns, found in service name: %s" % unit)
    systemctl = Systemctl(args, target)
    if not target.check:
        systemctl.reread()
    if not unit:
        return Unchanged({"name": None, "status": {}})
    status = systemctl.show(unit)
    parts = [_mask(args, systemctl), _enable(args, systemctl, status), _state(args, systemctl, status)]
    values: Values = {"name": unit, "status": status}
    if args["enabled"] is not None:
        values["enabled"] = args["enabled"]
    if args["state"] is not None:
        values["state"] = {"restarted": "started", "reloaded": "started"}.get(args["state"], args["state"])
    return together("systemd %s" % unit, parts, **values) or Unchanged(values)


class Systemctl:
    """The program with the options of the task."""

    def __init__(self, args: Mapping[str, Any], target: Target) -> None:
        self._target = target
        self._args = args
        self._program = target.need("systemctl")
        self._options = self._chosen_options()
        runtime = os.environ.get("XDG_RUNTIME_DIR") or "/run/user/%d" % os.geteuid()
        self._environment = {"XDG_RUNTIME_DIR": runtime}

    def reread(self) -> None:
        """daemon-reload and daemon-reexec, when asked for; they do not count as changes."""
        for wanted, verb in (("daemon_reload", "daemon-reload"), ("daemon_reexec", "daemon-reexec")):
            if self._args[wanted]:
                completed = self.run(verb)
                if completed.rc:
                    raise Failed("failure %d during %s: %s" % (completed.rc, verb, completed.stderr))

    def show(self, unit: str) -> Dict[str, str]:
        """All properties of a unit."""
        completed = self.run("show", unit)
        if completed.rc:
            msg = "systemd does not answer about %s: %s" % (unit, completed.stderr.strip())
            raise Failed(msg, rc=completed.rc, stderr=completed.stderr)
        return parsed(completed.stdout)

    def do(self, verb: str, unit: str, trouble: str) -> None:
        """Run a verb that has to succeed."""
        completed = self.run(verb, unit)
        if completed.rc:
            values = {"rc": completed.rc, "stdout": completed.stdout, "stderr": completed.stderr}
            raise Failed("%s: %s" % (trouble, (completed.stderr or completed.stdout).strip()), **values)

    def run(self, *words: str) -> Completed:
        """Any verb."""
        return self._target.query(self._program, *self._options, *words, environment=self._environment)

    def _chosen_options(self) -> List[str]:
        options = [] if self._args["scope"] == "system" else ["--" + self._args["scope"]]
        options += ["--no-block"] if self._args["no_block"] else []
        return options + (["--force"] if self._args["force"] else [])


def parsed(text: str) -> Dict[str, str]:
    """The output of `systemctl show`; a value in braces may go over several lines."""
    found: Dict[str, str] = {}
    name, pieces = "", []  # type: str, List[str]
    for line in text.split("\n"):
        if pieces:
            pieces.append(line)
        elif "=" in line:
            name, _, value = line.partition("=")
            if name.startswith("Exec") and value.startswith("{") and not value.rstrip().endswith("}"):
                pieces = [value]
            else:
                found[name] = value
        if pieces and pieces[-1].rstrip().endswith("}"):
            found[name], pieces = "\n".join(pieces), []
    return found


def exists(status: Mapping[str, str]) -> bool:
    """Whether systemd found anything under that name."""
    return status.get("LoadState", "not-found") != "not-found"


def _require(args: Mapping[str, Any], status: Mapping[str, str]) -> None:
    if not exists(status):
        raise Failed("Could not find the requested service %s: host" % args["name"])
    if status.get("LoadState") not in ("masked", "loaded") and status.get("LoadError"):
        raise Failed("Error loading unit file '%s': %s" % (args["name"], status["LoadError"]))


def _mask(args: Mapping[str, Any], systemctl: Systemctl) -> Optional[Change]:
    unit = args["name"]
    if args["masked"] is None or (_is_enabled(unit, systemctl)[1] == "masked") == args["masked"]:
        return None
    verb = "mask" if args["masked"] else "unmask"
    return Change(
        "%s %s" % (verb, unit),
        lambda: systemctl.do(verb, unit, "Failed to %s the service (%s)" % (verb, unit)),
    )


def _enable(args: Mapping[str, Any], systemctl: Systemctl, status: Mapping[str, str]) -> Optional[Change]:
    unit = args["name"]
    if args["enabled"] is None:
        return None
    _require(args, status)
    plain = {"enabled": True, "disabled": False}.get(status.get("UnitFileState", ""))
    if (_is_enabled(unit, systemctl)[0] if plain is None else plain) == args["enabled"]:
        return None
    verb = "enable" if args["enabled"] else "disable"
    return Change("%s %s" % (verb, unit), lambda: systemctl.do(verb, unit, "Unable to %s service %s" % (verb, unit)))


def _is_enabled(unit: str, systemctl: Systemctl) -> Tuple[bool, str]:
    """Whether it starts at boot, and systemd's word for it."""
    completed = systemctl.run("is-enabled", unit)
    word = (completed.stdout.split() or [""])[0]
    return completed.rc == 0 and word not in _NOT_REALLY_ENABLED, word


def _state(args: Mapping[str, Any], systemctl: Systemctl, status: Mapping[str, str]) -> Optional[Change]:
    unit, state = args["name"], args["state"]
    if state is None:
        return None
    _require(args, status)
    verb = _verb(state, status.get("ActiveState", "unknown"))
    if not verb:
        return None
    return Change("%s %s" % (verb, unit), lambda: systemctl.do(verb, unit, "Unable to %s service %s" % (verb, unit)))


def _verb(state: str, active: str) -> str:
    """What to ask systemctl for; nothing when it is as wanted."""
    running = active in _RUNNING
    if state == "started":
        return "" if running else "start"
    if state == "stopped":
        return "stop" if running or active == "deactivating" else ""
    return {"restarted": "restart", "reloaded": "reload"}[state] if running else "start"
