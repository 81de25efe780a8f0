"""What a module may touch beyond its arguments: programs, contents from the controller, the live line, the clock."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from provision.agent.contents import Contents, Wanted
from provision.agent.errors import Failed
from provision.agent.output import Live
from provision.agent.process import Command, Completed, Processes, quoted
from provision.agent.stop import Stop
from provision.agent.temporary import Temporary
from provision.agent.wire import Blob

Emit = Callable[[Mapping[str, Any]], None]


class Wire:
    """How a run speaks to the controller; a background job has one that writes to its log."""

    def __init__(self, emit: Emit, send: Callable[[Blob], None]) -> None:
        self.emit = emit
        self.send = send


class Target:
    """This machine during one run. Tests give it a `processes` of their own; the file system is real."""

    def __init__(
        self,
        run: int = 0,
        check: bool = False,
        diff: bool = False,
        live: bool = False,
        processes: Optional[Processes] = None,
        contents: Optional[Contents] = None,
        temporary: Optional[Temporary] = None,
        stop: Optional[Stop] = None,
        wire: Optional[Wire] = None,
    ) -> None:
        self.check = check
        self.diff = diff
        self.stop = stop or Stop()
        self.temporary = temporary or Temporary()
        self.warnings: List[str] = []
        self._run = run
        self._live = live
        self._processes = processes or Processes()
        self._contents = contents or Contents(self.temporary)
        self._wire = wire or Wire(lambda message: None, lambda blob: None)

    def run(
        self,
        argv: Sequence[str],
        cwd: Optional[str] = None,
        environment: Optional[Mapping[str, str]] = None,
        stdin: Optional[bytes] = None,
        live: bool = False,
        umask: int = -1,
    ) -> Completed:
        """Run a program to its end; `environment` comes on top of the run's own. `live`: its lines are told."""
        full = None if environment is None else {**os.environ, **environment}
        lines = Live(self.say) if live and self._live else None
        command = Command(argv, cwd, full, stdin, umask)
        completed = self._processes.run(command, self.stop, lines.feed if lines else None)
        if lines:
            lines.finish()
        return completed

    def query(self, *argv: str, **options: Any) -> Completed:
        """Run a program whose output we read: in the C locale."""
        return self.run(argv, environment=dict(options.pop("environment", {}), LC_ALL="C", LANG="C"), **options)

    def must(self, *argv: str, **options: Any) -> Completed:
        """Run a program that has to succeed; Failed with what it said otherwise."""
        completed = self.query(*argv, **options)
        if completed.rc:
            raise failed(argv, completed)
        return completed

    def find(self, program: str) -> str:
        """The path of a program, or ""."""
        return self._processes.find(program)

    def need(self, program: str) -> str:
        """The path of a program; Failed when it is not installed."""
        path = self.find(program)
        if not path:
            raise Failed('Failed to find required executable "%s" in paths: %s' % (program, os.environ.get("PATH", "")))
        return path

    def detach(self, argv: Sequence[str], stdin: bytes) -> int:
        """Start a program that outlives the agent."""
        return self._processes.detach(argv, stdin)

    def say(self, stream: str, text: str) -> None:
        """Tell the operator a line while the run goes on."""
        if self._live:
            self._wire.emit({"event": "out", "id": self._run, "stream": stream, "text": text})

    def warn(self, text: str) -> None:
        """Add a warning to the result."""
        self.warnings.append(text)

    def sleep(self, seconds: float) -> None:
        """Wait, or be stopped."""
        self.stop.wait(seconds)

    def read_content(self, want: Wanted) -> bytes:
        """The bytes of a content from the controller."""
        return self._contents.read(want, self._ask, self.stop)

    def content_file(self, want: Wanted, folder: str, suffix: str = "") -> str:
        """A complete temporary file in `folder` that holds a content from the controller."""
        return next(self._contents.files([(want, folder)], self._ask, self.stop, suffix))

    def content_files(self, wants: Sequence[Tuple[Wanted, str]]) -> Iterator[str]:
        """Many of them, asked for in one go, in order."""
        return self._contents.files(wants, self._ask, self.stop)

    def send_content(self, digest: str, offset: int, data: bytes) -> None:
        """Hand a piece of a file to the controller."""
        self._wire.send(Blob(digest, offset, data))

    def end_content(self, digest: str, size: int) -> None:
        """All pieces of that file are sent."""
        self._wire.emit({"event": "blob_end", "id": self._run, "digest": digest, "size": size})

    def _ask(self, want: Wanted) -> None:
        self._wire.emit({"event": "need", "id": self._run, "digest": want.digest, "size": want.size})


def failed(argv: Sequence[str], completed: Completed, msg: str = "") -> Failed:
    """The failure of a program, with its own words."""
    words = (completed.stderr.strip() or completed.stdout.strip()).splitlines()
    return Failed(
        msg or (words[-1] if words else "non-zero return code"),
        rc=completed.rc,
        stdout=completed.stdout,
        stderr=completed.stderr,
        cmd=quoted(argv),
    )


def values_of(completed: Completed) -> Dict[str, Any]:
    """What a program gave, as results carry it."""
    return {"rc": completed.rc, "stdout": completed.stdout, "stderr": completed.stderr}
