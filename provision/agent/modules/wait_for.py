"""Waits until a port, a file or a text is there, or gone."""

from __future__ import annotations

import re
import socket
import time
from typing import Any, Callable, Dict, Mapping, Optional, Pattern

from provision.agent import connections
from provision.agent.change import Answer, Unchanged
from provision.agent.errors import Failed
from provision.agent.target import Target

Found = Optional[Dict[str, Any]]
"""What was matched, or None while the condition does not hold."""


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """Nothing changes: it only takes time."""
    _check(args)
    start = time.monotonic()
    target.sleep(args["delay"])
    found: Found = {}
    if not args["port"] and not args["path"] and args["state"] != "drained":
        target.sleep(args["timeout"])
    else:
        found = _until(_condition(args), args, target, start)
    elapsed = int(time.monotonic() - start)
    if found is None:
        raise Failed(args["msg"] or _timeout_message(args), elapsed=elapsed)
    values = {name: args[name] for name in ("state", "port", "search_regex", "path")}
    return Unchanged({"match_groups": [], "match_groupdict": {}, **values, "elapsed": elapsed, **found})


def _until(condition: Callable[[float], Found], args: Mapping[str, Any], target: Target, start: float) -> Found:
    end = start + args["timeout"]
    while time.monotonic() < end:
        found = condition(end - time.monotonic())
        if found is not None:
            return found
        target.sleep(min(args["sleep"], max(0.0, end - time.monotonic())))
    return None


def _condition(args: Mapping[str, Any]) -> Callable[[float], Found]:
    pattern = None if args["search_regex"] is None else re.compile(args["search_regex"].encode(), re.MULTILINE)
    gone = args["state"] in ("absent", "stopped")
    if args["state"] == "drained":
        return lambda left: {} if not connections.active(args) else None
    if args["path"]:
        return lambda left: _file_gone(args["path"], pattern) if gone else _file_there(args["path"], pattern)
    return lambda left: _port_gone(args, left) if gone else _port_there(args, pattern, left)


def _file_there(path: str, pattern: Optional[Pattern[bytes]]) -> Found:
    try:
        with open(path, "rb") as file:
            return _matched(pattern, file.read() if pattern else b"")
    except IsADirectoryError:
        return {}
    except OSError:
        return None


def _file_gone(path: str, pattern: Optional[Pattern[bytes]]) -> Found:
    return {} if _file_there(path, pattern) is None else None


def _port_there(args: Mapping[str, Any], pattern: Optional[Pattern[bytes]], left: float) -> Found:
    patience = min(args["connect_timeout"], max(left, 0.1))
    try:
        with socket.create_connection((args["host"], args["port"]), patience) as peer:
            return {} if pattern is None else _read_until(peer, pattern, left)
    except OSError:
        return None


def _read_until(peer: socket.socket, pattern: Pattern[bytes], left: float) -> Found:
    data, end = b"", time.monotonic() + left
    while time.monotonic() < end:
        peer.settimeout(max(0.1, end - time.monotonic()))
        piece = peer.recv(1 << 16)
        if not piece:
            return None
        data += piece
        found = _matched(pattern, data)
        if found is not None:
            return found
    return None


def _port_gone(args: Mapping[str, Any], left: float) -> Found:
    return {} if _port_there(args, None, left) is None else None


def _matched(pattern: Optional[Pattern[bytes]], data: bytes) -> Found:
    if pattern is None:
        return {}
    match = pattern.search(data)
    if match is None:
        return None
    groups = [_text(group) for group in match.groups()]
    return {"match_groups": groups, "match_groupdict": {key: _text(value) for key, value in match.groupdict().items()}}


def _text(data: Optional[bytes]) -> Optional[str]:
    return None if data is None else data.decode("utf-8", "replace")


def _timeout_message(args: Mapping[str, Any]) -> str:
    place = "%s:%s" % (args["host"], args["port"])
    if args["state"] == "drained":
        return "Timeout when waiting for %s to drain" % place
    if args["state"] in ("absent", "stopped"):
        if args["port"]:
            return "Timeout when waiting for %s to stop." % place
        return "Timeout when waiting for %s to be absent." % args["path"]
    what = "search string %s in " % args["search_regex"] if args["search_regex"] else ""
    if args["port"]:
        return "Timeout when waiting for %s%s" % (what, place)
    return "Timeout when waiting for %s%s" % (what or "file ", args["path"])


def _check(args: Mapping[str, Any]) -> None:
    state = args["state"]
    if args["port"] and args["path"]:
        raise Failed("port and path parameter can not both be passed to wait_for", elapsed=0)
    if args["path"] and state in ("stopped", "drained"):
        msg = "state=%s should only be used for checking a port in the wait_for module" % state
        raise Failed(msg, elapsed=0)
    if args["exclude_hosts"] is not None and state != "drained":
        raise Failed("exclude_hosts should only be with state=drained", elapsed=0)
    for name in args["active_connection_states"]:
        if name not in connections.STATES:
            raise Failed("unknown active_connection_state (%s) defined" % name, elapsed=0)
    try:
        re.compile((args["search_regex"] or "").encode())
    except re.error as error:
        raise Failed("Invalid regular expression: %s" % error) from error
