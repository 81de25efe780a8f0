"""Background jobs (`async`): a detached process runs one module and leaves its result where Ansible would.

The file ~/.ansible_async/JID holds Ansible's JSON; JID.log beside it holds the lines the module printed, mode 0600.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
from typing import Any, BinaryIO, Callable, Dict, Mapping

from provision.agent import boot, wire
from provision.agent.contents import Contents, Wanted, wanted
from provision.agent.errors import Failed, Stopped
from provision.agent.process import Processes
from provision.agent.stop import Stop
from provision.agent.target import Target, Wire
from provision.agent.temporary import Temporary
from provision.agent.wire import Blob

RunModule = Callable[[Mapping[str, Any], Target], Dict[str, Any]]


def folder() -> str:
    """Where jobs leave their results."""
    return os.path.expanduser(os.environ.get("ANSIBLE_ASYNC_DIR") or "~/.ansible_async")


def start(request: Mapping[str, Any], target: Target) -> Dict[str, Any]:
    """Start the module of `request` in the background. The contents it needs are handed over now."""
    if target.check:
        return {"changed": True, "skipped": True, "msg": "Command would have run if not in check mode"}
    jid = "j%012d.%d" % (random.SystemRandom().randrange(10**12), os.getpid())
    os.makedirs(folder(), mode=0o700, exist_ok=True)
    result_file = os.path.join(folder(), jid)
    write_result(result_file, {"started": 1, "finished": 0, "ansible_job_id": jid})
    code, payload = boot.bootstrap()
    target.detach([sys.executable, "-u", "-c", code, "job", result_file], payload + _frames(request, target))
    return {"started": 1, "finished": 0, "changed": True, "ansible_job_id": jid, "results_file": result_file}


def work(result_file: str, run_module: RunModule) -> None:
    """The whole life of a background job, in its own process: frames from stdin, then the module."""
    temporary = Temporary()
    contents = Contents(temporary)
    request: Dict[str, Any] = {}
    while True:
        frame = wire.read_frame(lambda count: os.read(0, count))
        if frame is None:
            break
        if isinstance(frame, Blob):
            contents.receive(frame)
        elif frame["op"] == "blob_end":
            contents.finish(str(frame["digest"]))
        else:
            request = frame
    log_fd = os.open(result_file + ".log", os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
    started = {"started": 1, "finished": 0, "ansible_job_id": os.path.basename(result_file), "pid": os.getpid()}
    write_result(result_file, started)
    with open(log_fd, "wb", buffering=0) as log:
        write_result(result_file, _outcome(request, result_file, contents, temporary, log, run_module))
    temporary.clean()


def write_result(path: str, result: Mapping[str, Any]) -> None:
    """Leave a result; a reader sees the old one or the new one, nothing between."""
    part = "%s.%d.tmp" % (path, os.getpid())
    with open(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
        file.write(wire.payload_of(result))
    os.rename(part, path)


def read_result(path: str) -> Dict[str, Any]:
    """What is known of a job; an unreadable file means that it has just begun."""
    try:
        with open(path, "rb") as file:
            result: Dict[str, Any] = json.loads(file.read().decode())
            return result
    except ValueError:
        return {"started": 1, "finished": 0}


def _outcome(
    request: Mapping[str, Any],
    result_file: str,
    contents: Contents,
    temporary: Temporary,
    log: BinaryIO,
    run_module: RunModule,
) -> Dict[str, Any]:
    stop = Stop()
    limit = int(request["async_s"])
    timer = threading.Timer(limit, stop.now, ["Timeout exceeded"])
    timer.daemon = True
    timer.start()

    def tell(message: Mapping[str, Any]) -> None:
        if message.get("event") == "out":
            log.write((str(message["text"]) + "\n").encode("utf-8", "replace"))
        elif message.get("event") == "need":
            contents.finish(str(message["digest"]), "a background job cannot ask the controller")

    target = Target(
        live=bool(request.get("live")) and not request.get("no_log"),
        processes=Processes(),
        contents=contents,
        temporary=temporary,
        stop=stop,
        wire=Wire(tell, lambda blob: None),
        diff=bool(request.get("diff")),
    )
    jid = os.path.basename(result_file)
    try:
        result = run_module({**request, "async_s": 0}, target)
    except Stopped as stopped:
        result = {"failed": True, "changed": False, "msg": str(stopped), "child_pid": os.getpid()}
    return {**result, "started": 1, "finished": 1, "ansible_job_id": jid, "results_file": result_file}


def _frames(request: Mapping[str, Any], target: Target) -> bytes:
    pieces = []
    for want in _contents_of(request.get("args") or {}):
        data = target.read_content(want)
        for offset in range(0, len(data), wire.CHUNK):
            pieces.append(wire.encode_blob(Blob(want.digest, offset, data[offset : offset + wire.CHUNK])))
        pieces.append(wire.encode({"op": "blob_end", "digest": want.digest}))
    return b"".join(pieces) + wire.encode(request)


def _contents_of(args: Mapping[str, Any]) -> "list[Wanted]":
    """The contents a job's arguments name. Large ones would have to pass through memory, so they are refused."""
    references = [args.get("_content"), *list(args.get("_tree") or [])]
    wants = [wanted(reference) for reference in references if reference and reference.get("digest")]
    if any(want.size > 1 << 20 for want in wants):
        raise Failed("files of more than 1 MiB are not copied by a task with async", hint="remove async from the task")
    return wants
