"""How far a background job is: its result so far, and the lines it has printed since the last question."""

from __future__ import annotations

import os
import time
from typing import Any, Dict, Mapping

from provision.agent import jobs
from provision.agent.change import Answer, Change, Unchanged
from provision.agent.errors import Failed
from provision.agent.target import Target

START_S = 30.0
"""Seconds within which a job must have said its process id."""


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """The job's file, as Ansible's async_status returns it; `mode: cleanup` removes it."""
    jid = args["jid"]
    path = os.path.join(args.get("_async_dir") or jobs.folder(), jid)
    if "/" in jid or not os.path.exists(path):
        raise Failed("could not find job", ansible_job_id=jid, started=1, finished=1)
    if args["mode"] == "cleanup":
        values = {"ansible_job_id": jid, "erased": path, "changed": False}
        return Change("forget job %s" % jid, lambda: _forget(path), values=values)
    _tell_new_lines(path, target)
    return Unchanged(_status(jid, path))


def _status(jid: str, path: str) -> Dict[str, Any]:
    result = jobs.read_result(path)
    if "started" not in result:
        result.update(finished=1, ansible_job_id=jid)
    result.setdefault("finished", 0)
    if not result["finished"] and _dead(result, path):
        result.update(
            failed=True, finished=1, msg="the job ended without a result: it was killed, or the machine rebooted"
        )
    result.pop("pid", None)
    return {"changed": False, **result, "ansible_job_id": jid, "results_file": path}


def _dead(result: Mapping[str, Any], path: str) -> bool:
    if "pid" not in result:
        return time.time() - os.stat(path).st_mtime > START_S
    try:
        os.kill(int(result["pid"]), 0)
    except ProcessLookupError:
        return jobs.read_result(path).get("finished") != 1
    except PermissionError:
        return False
    return False


def _tell_new_lines(path: str, target: Target) -> None:
    """Whole lines that the job has printed since we last asked; how far that was stands in JID.told."""
    told = _number(path + ".told")
    try:
        with open(path + ".log", "rb") as log:
            log.seek(told)
            data = log.read(1 << 20)
    except FileNotFoundError:
        return
    whole = data[: data.rfind(b"\n") + 1]
    for line in whole.decode("utf-8", "replace").splitlines():
        target.say("stdout", line)
    if whole and not target.check:
        with open(os.open(path + ".told", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            file.write(str(told + len(whole)))


def _number(path: str) -> int:
    try:
        with open(path) as file:
            return int(file.read() or 0)
    except (FileNotFoundError, ValueError):
        return 0


def _forget(path: str) -> None:
    for one in (path, path + ".log", path + ".told"):
        if os.path.exists(one):
            os.unlink(one)
