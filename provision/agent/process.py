"""The door to other programs: the only place of the agent that starts processes."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence

from provision.agent.errors import Failed
from provision.agent.output import Kept
from provision.agent.stop import Stop

OnOutput = Callable[[str, bytes], None]

GRACE_S = 5.0
"""Seconds between asking a process group to end and killing it."""

DRAIN_IDLE_S = 0.1
DRAIN_MOST_S = 2.0
"""How long to read on after a process has ended whose descendants keep its pipes open."""

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Completed(NamedTuple):
    """How a program ended, and what it printed."""

    rc: int
    stdout: str
    stderr: str


class Command(NamedTuple):
    """What to start. `environment` None means the agent's own."""

    argv: Sequence[str]
    cwd: Optional[str] = None
    environment: Optional[Mapping[str, str]] = None
    stdin: Optional[bytes] = None
    umask: int = -1


class Processes:
    """Starts programs, one at a time, each in its own session so that all of it can be stopped."""

    def find(self, name: str) -> str:
        """The path of a program, also in the sbin folders that a login user's PATH lacks; "" when there is none."""
        if "/" in name:
            return name if os.access(name, os.X_OK) else ""
        for folder in (os.environ.get("PATH", "") + ":" + _SYSTEM_PATH).split(":"):
            path = os.path.join(folder, name)
            if folder and os.path.isfile(path) and os.access(path, os.X_OK):
                return path
        return ""

    def run(self, command: Command, stop: Stop, on_output: Optional[OnOutput] = None) -> Completed:
        """Run to the end. Stopped when `stop` is asked for meanwhile; Failed when it cannot be started."""
        process = _start(command)
        running = _Running(process, command.stdin, on_output)
        stop.on(running.end)
        try:
            completed = running.follow()
        finally:
            stop.off(running.end)
            running.close()
        stop.check()
        return completed

    def detach(self, argv: Sequence[str], stdin: bytes) -> int:
        """Start a program that outlives the agent, hand it `stdin`, and give its process id."""
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert process.stdin is not None
        with process.stdin:
            process.stdin.write(stdin)
        threading.Thread(target=process.wait, daemon=True).start()  # reaps it, if the agent lives that long
        return process.pid


def _start(command: Command) -> "subprocess.Popen[bytes]":
    before = os.umask(command.umask) if command.umask >= 0 else None
    try:
        return subprocess.Popen(
            list(command.argv),
            stdin=subprocess.DEVNULL if command.stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=command.cwd,
            env=None if command.environment is None else dict(command.environment),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        rc = getattr(error, "errno", None) or 257
        raise Failed(str(error), rc=rc, stdout="", stderr="", cmd=list(command.argv)) from error
    finally:
        if before is not None:
            os.umask(before)


class _Running:
    """A started process: its pipes are read until it has ended, not until every descendant has let go of them."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", stdin: Optional[bytes], on_output: Optional[OnOutput]
    ) -> None:
        self._process = process
        self._on_output = on_output
        self._kept: Dict[str, Kept] = {"stdout": Kept(), "stderr": Kept()}
        self._selector = selectors.DefaultSelector()
        self._to_write = memoryview(stdin or b"")
        self._wake_read, self._wake_write = os.pipe()
        self._ended_at: Optional[float] = None
        self._asked_at: Optional[float] = None
        self._register()
        self._waiter = threading.Thread(target=self._wait, daemon=True)
        self._waiter.start()

    def follow(self) -> Completed:
        """Read and write until the process has ended and its output is here."""
        while not self._done():
            events = self._selector.select(self._patience())
            for key, _ in events:
                getattr(self, "_on_" + key.data)(key)
            if self._ended_at is not None and not events:
                break
            self._kill_if_stubborn()
        if self._asked_at is not None:
            self._signal(signal.SIGKILL)  # descendants that did not listen
        self._waiter.join()
        return Completed(self._process.returncode, self._kept["stdout"].text(), self._kept["stderr"].text())

    def end(self) -> None:
        """Ask the whole group to end; called from another thread. `follow` kills what does not listen."""
        self._asked_at = self._asked_at or time.monotonic()
        self._signal(signal.SIGTERM)
        os.write(self._wake_write, b"s")  # `follow` may sleep in select without a limit

    def close(self) -> None:
        """Let go of pipes; a process that still runs (an exception on our side) is killed."""
        if self._process.poll() is None:
            self._signal(signal.SIGKILL)
        self._waiter.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _register(self) -> None:
        assert self._process.stdout is not None and self._process.stderr is not None
        self._selector.register(self._wake_read, selectors.EVENT_READ, "wake")
        for name, pipe in (("stdout", self._process.stdout), ("stderr", self._process.stderr)):
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ, name)
        if self._process.stdin is not None:
            os.set_blocking(self._process.stdin.fileno(), False)
            self._selector.register(self._process.stdin, selectors.EVENT_WRITE, "stdin")

    def _wait(self) -> None:
        self._process.wait()
        os.write(self._wake_write, b"e")

    def _done(self) -> bool:
        names = [key.data for key in self._selector.get_map().values()]
        if self._ended_at is None:
            return False
        return not {"stdout", "stderr"} & set(names) or time.monotonic() - self._ended_at > DRAIN_MOST_S

    def _patience(self) -> Optional[float]:
        if self._ended_at is not None:
            return DRAIN_IDLE_S
        return None if self._asked_at is None else 0.2

    def _on_wake(self, key: selectors.SelectorKey) -> None:
        if b"e" in os.read(key.fd, 64):
            self._ended_at = time.monotonic()
            self._selector.unregister(key.fileobj)

    def _on_stdin(self, key: selectors.SelectorKey) -> None:
        try:
            self._to_write = self._to_write[os.write(key.fd, self._to_write[:65536]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._to_write = memoryview(b"")
        if not self._to_write:
            self._selector.unregister(key.fileobj)
            assert self._process.stdin is not None
            self._process.stdin.close()

    def _on_stdout(self, key: selectors.SelectorKey) -> None:
        self._read(key)

    def _on_stderr(self, key: selectors.SelectorKey) -> None:
        self._read(key)

    def _read(self, key: selectors.SelectorKey) -> None:
        try:
            data = os.read(key.fd, 1 << 18)
        except BlockingIOError:
            return
        if not data:
            self._selector.unregister(key.fileobj)
            return
        self._kept[key.data].add(data)
        if self._on_output is not None:
            self._on_output(key.data, data)

    def _kill_if_stubborn(self) -> None:
        if self._asked_at is not None and time.monotonic() - self._asked_at > GRACE_S:
            self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # it has just ended, or sudo made it somebody else's


def quoted(argv: Sequence[str]) -> str:
    """A command line for people."""
    import shlex

    return " ".join(shlex.quote(word) for word in argv)


def words(text: str) -> List[str]:
    """A command line split as a shell would."""
    import shlex

    return shlex.split(text)
