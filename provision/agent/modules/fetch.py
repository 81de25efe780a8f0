"""Hands a file to the controller, unless it has that content already."""

from __future__ import annotations

import os
from typing import Any, Mapping

from provision.agent import wire
from provision.agent.change import Answer, Unchanged
from provision.agent.errors import Failed
from provision.agent.files import hashes
from provision.agent.target import Target


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """Digest first; the bytes follow when `_have_digest` is another. Whether that is a change the controller knows."""
    source = args["src"]
    problem = _problem(source)
    if problem:
        values = {"file": source, "msg": problem, "exists": False}
        if args["fail_on_missing"]:
            raise Failed(problem, **{key: value for key, value in values.items() if key != "msg"})
        return Unchanged(values)
    sha1, sha256 = hashes(source, "sha1", "sha256")
    size = os.stat(source).st_size
    if sha256 != args.get("_have_digest") and not target.check:
        _send(source, sha256, target)
    return Unchanged(
        {"file": source, "exists": True, "remote_checksum": sha1, "checksum": sha1, "digest": sha256, "bytes": size}
    )


def _problem(source: str) -> str:
    if not os.path.exists(source):
        return "the remote file does not exist"
    if os.path.isdir(source):
        return "remote file is a directory, fetch cannot work on directories"
    if not os.access(source, os.R_OK):
        return "file is not readable: %s" % source
    return ""


def _send(source: str, digest: str, target: Target) -> None:
    offset = 0
    with open(source, "rb") as file:
        while True:
            piece = file.read(wire.CHUNK)
            if not piece:
                break
            target.stop.check()
            target.send_content(digest, offset, piece)
            offset += len(piece)
    target.end_content(digest, offset)
