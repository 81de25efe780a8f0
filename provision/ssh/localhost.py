"""This machine as a host (`ansible_connection: local`): an agent in a child process, the same frames over its pipes."""

from __future__ import annotations

import subprocess
import tempfile


class PipeStream:
    """A child process's stdin and stdout as a ByteStream."""

    def __init__(self, command: str) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the stream)
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, bufsize=0
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout

    def send(self, data: bytes) -> None:
        """Write everything: an unbuffered pipe may take less than asked."""
        view = memoryview(data)
        while view:
            view = view[self._stdin.write(view) or 0 :]

    def receive(self, most: int) -> bytes:
        """Some bytes, or b"" when the child has closed its end."""
        return self._stdout.read(most) or b""

    def last_words(self) -> str:
        """The child's stderr so far."""
        self._stderr.seek(0)
        return self._stderr.read().decode(errors="replace")

    def exit_code(self) -> int:
        """Wait for the child."""
        return self._process.wait()

    def close(self) -> None:
        """Closing stdin tells the agent to go; it is waited for, so that no zombie stays."""
        self._stdin.close()
        self._stdout.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stderr.close()


def open_stream(command: str) -> PipeStream:
    """Start a shell command on this machine."""
    return PipeStream(command)
