"""The half of a reboot that happens on the machine: which boot this is, and asking for the next one."""

from __future__ import annotations

import os
from typing import Any, Mapping

from provision.agent.change import Answer, Change, Unchanged
from provision.agent.errors import Failed
from provision.agent.process import words
from provision.agent.target import Target, failed


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """`_ask`: "boot_id" tells which boot this is, "test" runs the test command, otherwise a reboot is asked for."""
    if args.get("_ask") == "boot_id":
        return Unchanged({"boot_id": _boot_id(args, target)})
    if args.get("_ask") == "test":
        return Unchanged(_tested(args, target))
    boot_id = _boot_id(args, target)
    return Change("reboot", lambda: _reboot(args, target), values={"boot_id": boot_id, "rebooted": not target.check})


def _boot_id(args: Mapping[str, Any], target: Target) -> str:
    return target.must(*words(args["boot_time_command"])).stdout.strip()


def _tested(args: Mapping[str, Any], target: Target) -> Mapping[str, Any]:
    argv = ["/bin/sh", "-c", args["test_command"]]
    completed = target.run(argv)
    if completed.rc:
        raise failed(argv, completed)
    return {"rc": 0, "stdout": completed.stdout}


def _reboot(args: Mapping[str, Any], target: Target) -> None:
    """In a moment, and detached: the answer has to leave before the network does."""
    command = args["reboot_command"] or "%s -r +0 %s" % (_shutdown(args), _quoted(args["msg"]))
    delay = max(int(args["pre_reboot_delay"]), 0) + 1
    target.detach(["/bin/sh", "-c", "sleep %d; %s" % (delay, command)], b"")


def _shutdown(args: Mapping[str, Any]) -> str:
    for folder in args["search_paths"]:
        path = os.path.join(folder, "shutdown")
        if os.access(path, os.X_OK):
            return path
    raise Failed("Unable to find command shutdown in search paths: %s" % args["search_paths"])


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)
