"""Runs a program, or a shell line; the result and the live lines are the operator's main view of a build."""

from __future__ import annotations

import datetime
import glob
import os
from typing import Any, Dict, List, Mapping, Union

from provision.agent.change import Answer, Change, Unchanged, Values
from provision.agent.errors import Failed
from provision.agent.process import words
from provision.agent.target import Target

_NOTHING_RUN: Dict[str, Any] = {"stdout": "", "stderr": "", "rc": 0, "start": None, "end": None, "delta": None}


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """Nothing to do when `creates` is there or `removes` is not; otherwise the command is the Change."""
    command = _command(args, target)
    chdir = args["chdir"]
    if chdir and not os.path.isdir(chdir):
        raise Failed("Unable to change directory before execution: no such folder: %s" % chdir, cmd=command, rc=None)
    reason = _needless(args, "Would" if target.check else "Did")
    if reason:
        return Unchanged({**_NOTHING_RUN, "cmd": command, **reason})
    if target.check and not (args["creates"] or args["removes"]):
        return Unchanged({**_NOTHING_RUN, "cmd": command, "skipped": True, "msg": _WOULD_RUN})
    values = {**_NOTHING_RUN, "cmd": command, "msg": _WOULD_RUN} if target.check else {}
    return Change("run %s" % command, lambda: _run(command, args, target), values=values)


_WOULD_RUN = "Command would have run if not in check mode"


def _command(args: Mapping[str, Any], target: Target) -> Union[str, List[str]]:
    """What to run: a line for the shell, or a list of words."""
    line = args.get("_raw_params") or args.get("cmd")
    argv = args.get("argv")
    if line and argv:
        raise Failed("only command or argv can be given, not both", rc=256, cmd=None)
    if not argv and not str(line or "").strip():
        raise Failed("no command given", rc=256, cmd=None)
    if args.get("_uses_shell"):
        return str(line) if line else " ".join(argv or [])
    if args["executable"]:
        target.warn("the parameter 'executable' has no meaning with command: %r is not used" % args["executable"])
    try:
        return list(argv) if argv else words(str(line))
    except ValueError as error:
        raise Failed("the command line cannot be split into words: %s" % error, rc=256, cmd=line) from error


def _needless(args: Mapping[str, Any], word: str) -> Dict[str, Any]:
    """Why the command need not run, in Ansible's words; empty when it has to."""
    creates, removes = args["creates"], args["removes"]
    if creates and _matches(args, creates):
        stdout = "skipped, since %s exists" % creates
        return {"stdout": stdout, "msg": "%s not run command since '%s' exists" % (word, creates)}
    if removes and not _matches(args, removes):
        stdout = "skipped, since %s does not exist" % removes
        return {"stdout": stdout, "msg": "%s not run command since '%s' does not exist" % (word, removes)}
    return {}


def _matches(args: Mapping[str, Any], pattern: str) -> bool:
    return bool(glob.glob(os.path.join(args["chdir"] or "", pattern)))


def _run(command: Union[str, List[str]], args: Mapping[str, Any], target: Target) -> Values:
    start = datetime.datetime.now()
    completed = target.run(_argv(command, args), cwd=args["chdir"], stdin=_stdin(args), live=True)
    end = datetime.datetime.now()
    strip = "\r\n" if args["strip_empty_ends"] else ""
    values: Values = {
        "cmd": command,
        "rc": completed.rc,
        "stdout": completed.stdout.rstrip(strip),
        "stderr": completed.stderr.rstrip(strip),
        "start": str(start),
        "end": str(end),
        "delta": str(end - start),
        "msg": "",
    }
    if completed.rc:
        values.update(failed=True, msg="non-zero return code")
    return values


def _argv(command: Union[str, List[str]], args: Mapping[str, Any]) -> List[str]:
    if isinstance(command, str):
        return [args["executable"] or "/bin/sh", "-c", command]
    if args.get("expand_argument_vars", True):
        return [os.path.expanduser(os.path.expandvars(word)) for word in command]
    return command


def _stdin(args: Mapping[str, Any]) -> "bytes | None":
    if args["stdin"] is None:
        return None
    return str(args["stdin"]).encode() + (b"\n" if args["stdin_add_newline"] else b"")
