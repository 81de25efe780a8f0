"""The agent's main loop: one thread reads frames, the other runs modules in the order they came, and answers."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time
import traceback
from importlib import import_module
from typing import Any, Dict, List, Mapping, Optional, Set

from provision import __version__
from provision.agent import change, jobs, wire
from provision.agent.arguments import parse
from provision.agent.contents import Contents
from provision.agent.errors import Failed, Stopped
from provision.agent.files import path_values
from provision.agent.process import Processes
from provision.agent.specs import SPECS
from provision.agent.stop import Stop
from provision.agent.target import Target, Wire
from provision.agent.temporary import Temporary
from provision.agent.wire import Blob

Message = Mapping[str, Any]

GONE = "the controller is gone"
_LARGEST_FRAME = wire.MAX_PAYLOAD - 4096


def main(arguments: List[str]) -> None:
    """Where BOOT goes on: an agent on stdin and stdout, or a background job that gets its work on stdin."""
    if arguments[:1] == ["job"]:
        jobs.work(arguments[1], run_module)
        return
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the end of the connection is told by stdin
    stdin, stdout = _take_stdio()
    serve(stdin, stdout)
    os._exit(0)


def serve(stdin: int, stdout: int, processes: Optional[Processes] = None) -> None:
    """Speak with a controller until it says goodbye or is gone."""
    Agent(stdin, stdout, processes or Processes()).serve()


class Outbox:
    """Writes frames whole, from whichever thread."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = threading.Lock()
        self.broken = False

    def emit(self, message: Message) -> None:
        """Send a JSON frame; one that is too long goes as content, named in its `blob`."""
        payload = wire.payload_of(message)
        if len(payload) > _LARGEST_FRAME:
            payload = self._as_content(message, payload)
        self._write(wire.frame(b"J", payload))

    def send(self, blob: Blob) -> None:
        """Send a piece of content."""
        self._write(wire.encode_blob(blob))

    def _as_content(self, message: Message, payload: bytes) -> bytes:
        import hashlib

        digest = hashlib.sha256(payload).hexdigest()
        for start in range(0, len(payload), wire.CHUNK):
            self.send(Blob(digest, start, payload[start : start + wire.CHUNK]))
        short = {key: message[key] for key in ("event", "id") if key in message}
        return wire.payload_of({**short, "blob": {"digest": digest, "size": len(payload)}})

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        with self._lock:
            try:
                while view and not self.broken:
                    view = view[os.write(self._fd, view) :]
            except OSError:
                self.broken = True  # the reader thread sees the end of the connection, and stops us


class Agent:
    """One conversation with one controller."""

    def __init__(self, stdin: int, stdout: int, processes: Processes) -> None:
        self._stdin = stdin
        self._outbox = Outbox(stdout)
        self._processes = processes
        self._temporary = Temporary()
        self._contents = Contents(self._temporary)
        self._waiting: "queue.Queue[Optional[Message]]" = queue.Queue()
        self._lock = threading.Lock()
        self._stop = Stop()
        self._running: Optional[int] = None
        self._cancelled: Set[int] = set()
        self._failed_groups: Set[Any] = set()
        self._gone = False

    def serve(self) -> None:
        """Greet, then run what comes until the end; no temporary file stays behind."""
        self._outbox.emit(hello())
        reader = threading.Thread(target=self._read, name="provision-reader", daemon=True)
        reader.start()
        try:
            for request in iter(self._waiting.get, None):
                if not self._gone:
                    self._answer(request)
        finally:
            self._contents.abandon()
            self._temporary.clean()

    def _read(self) -> None:
        reason = GONE
        try:
            while True:
                frame = wire.read_frame(lambda count: os.read(self._stdin, count))
                if frame is None or (isinstance(frame, dict) and frame.get("op") == "bye"):
                    break
                self._receive(frame)
        except (wire.ProtocolError, OSError, KeyError, ValueError, TypeError) as error:
            reason = "the controller does not speak our protocol: %s" % error
            self._outbox.emit({"event": "protocol_error", "msg": reason})
        self._leave(reason)

    def _leave(self, reason: str) -> None:
        self._gone = True
        with self._lock:
            self._stop.now(reason)
        self._waiting.put(None)

    def _receive(self, frame: wire.Frame) -> None:
        if isinstance(frame, Blob):
            self._contents.receive(frame)
        elif frame["op"] == "run":
            self._waiting.put(frame)
        elif frame["op"] == "blob_end":
            self._contents.finish(str(frame["digest"]), str(frame.get("problem", "")))
        elif frame["op"] == "cancel":
            self._cancel(int(frame["id"]))
        else:
            raise wire.ProtocolError("an unknown op %r" % frame["op"])

    def _cancel(self, identity: int) -> None:
        with self._lock:
            if identity == self._running:
                self._stop.now("cancelled")
            else:
                self._cancelled.add(identity)

    def _answer(self, request: Message) -> None:
        identity, group = request.get("id"), request.get("group")
        if group in self._failed_groups:
            self._outbox.emit({"event": "dropped", "id": identity})
            return
        started = time.monotonic()
        result = self._run(request)
        if result.get("failed"):
            self._failed_groups.add(group)
        seconds = round(time.monotonic() - started, 6)
        self._outbox.emit({"event": "result", "id": identity, "result": result, "seconds": seconds})

    def _run(self, request: Message) -> Dict[str, Any]:
        identity = int(request.get("id", 0))
        with self._lock:
            self._stop = Stop()
            self._running = identity
            if identity in self._cancelled:
                self._stop.now("cancelled")
            if self._gone:
                self._stop.now(GONE)
        timer = _timer(self._stop, int(request.get("timeout_s") or 0), str(request.get("module")))
        try:
            self._stop.check()
            return run_module(request, self._target(request))
        except Stopped as stopped:
            return {"failed": True, "changed": False, "msg": str(stopped)}
        finally:
            timer.cancel()
            with self._lock:
                self._running = None

    def _target(self, request: Message) -> Target:
        return Target(
            run=int(request.get("id", 0)),
            check=bool(request.get("check")),
            diff=bool(request.get("diff")),
            live=bool(request.get("live")) and not request.get("no_log"),
            processes=self._processes,
            contents=self._contents,
            temporary=self._temporary,
            stop=self._stop,
            wire=Wire(self._outbox.emit, self._outbox.send),
        )


def run_module(request: Message, target: Target) -> Dict[str, Any]:
    """One module from request to result; whatever goes wrong is a failed result. Stopped alone passes through."""
    with _Environment(request.get("environment") or {}):
        try:
            result = _result(request, target)
        except Failed as error:
            result = error.result()
        except OSError as error:
            result = {"failed": True, "changed": False, "msg": str(error), "exception": traceback.format_exc()}
        except Stopped:
            raise
        except Exception as error:  # noqa: BLE001  (the edge of the agent: a fault of ours must reach the operator)
            msg = "the module has a fault: %s: %s" % (type(error).__name__, error)
            result = {"failed": True, "changed": False, "msg": msg, "exception": traceback.format_exc()}
    if target.warnings:
        result["warnings"] = target.warnings + list(result.get("warnings", []))
    for name in ("stdout", "stderr"):
        if isinstance(result.get(name), str):
            result.setdefault(name + "_lines", result[name].splitlines())
    return result


def _result(request: Message, target: Target) -> Dict[str, Any]:
    name = str(request["module"])
    spec = SPECS.get(name)
    if spec is None or spec.where != "target":
        raise Failed("the module %s does not run on a target" % name)
    args = parse(name, spec, request.get("args") or {})
    if target.check and spec.check_mode == "none":
        return {"changed": False, "skipped": True, "msg": "remote module (%s) does not support check mode" % name}
    if request.get("async_s"):
        return jobs.start(request, target)
    result = change.execute(import_module("provision.agent.modules." + name), args, target)
    if not result.get("failed"):
        result.update(path_values(result))
    return result


def hello() -> Dict[str, Any]:
    """The first frame: who we are, and what is known for nothing."""
    system = os.uname()
    return {
        "event": "hello",
        "agent": __version__,
        "python": ".".join(map(str, sys.version_info[:3])),
        "uid": os.geteuid(),
        "user": _user(),
        "facts": {
            "nodename": system.nodename,
            "kernel": system.release,
            "machine": system.machine,
            "system": system.sysname,
            "user_dir": os.path.expanduser("~"),
        },
    }


def _user() -> str:
    from provision.agent.attributes import user_name

    return user_name(os.geteuid())


def _timer(stop: Stop, seconds: int, module: str) -> threading.Timer:
    reason = "The %s action failed to execute in the expected time frame (%d) and was terminated" % (module, seconds)
    timer = threading.Timer(seconds, stop.now, [reason])
    timer.daemon = True
    if seconds > 0:
        timer.start()
    return timer


class _Environment:
    """The run's own variables, for the time of the run."""

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self._variables = {str(name): str(value) for name, value in variables.items()}
        self._before: Dict[str, str] = {}

    def __enter__(self) -> None:
        self._before = dict(os.environ)
        os.environ.update(self._variables)

    def __exit__(self, *ignored: object) -> None:
        for name in self._variables:
            if name in self._before:
                os.environ[name] = self._before[name]
            else:
                os.environ.pop(name, None)


def _take_stdio() -> "tuple[int, int]":
    """The wire moves to file descriptors that children do not inherit; theirs are /dev/null and stderr."""
    stdin, stdout = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    if not os.access(".", os.R_OK | os.X_OK):
        os.chdir("/")  # the login user's folder may be closed to the become user
    return stdin, stdout
