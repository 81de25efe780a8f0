"""The agents of one host: which one runs a task, what it is sent, and how its answer is awaited."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from provision.engine.actions.decision import There
from provision.engine.contents import Content, UnreadableContent
from provision.errors import Unreachable
from provision.ssh.channel import AgentChannel, Blob, Request

Line = Callable[[str, str], None]
"""Takes (stream, text): one line of live output."""


@dataclass(frozen=True)
class Sent:
    """A module call on its way: where it went, under which number, and what to do with the answer."""

    channel: AgentChannel
    id: int
    there: There


class Dropped(Exception):
    """The agent did not run this call, because one before it failed."""


class Conversation:
    """What one host's worker says to its agents. Numbers calls; a new group begins after each failure."""

    def __init__(self) -> None:
        self._next_id = 0
        self._group = 0
        self._offered: dict[str, Content] = {}
        self._long: dict[str, bytearray] = {}

    def new_group(self) -> None:
        """What is sent from now on does not depend on what failed before."""
        self._group += 1

    def send(self, channel: AgentChannel, there: There, **settings: Any) -> Sent:
        """Send a call, small contents first so that the agent need not ask for them."""
        self._next_id += 1
        for content in there.contents:
            self._offered[content.digest] = content
            if content.small and len(there.contents) == 1:
                self._serve(channel, content.digest)
        channel.send(Request(self._next_id, self._group, there.module, there.args, **settings).message())
        return Sent(channel, self._next_id, there)

    def receive(self, sent: Sent, line: Line) -> tuple[dict[str, Any], float]:
        """The answer to a call and its seconds, serving on the way what the agent asks for."""
        while True:
            message = sent.channel.receive()
            if isinstance(message, Blob):
                self._keep(sent, message)
                continue
            if "blob" in message:
                message = json.loads(self._long.pop(str(message["blob"]["digest"])))
            match message.get("event"):
                case "out":
                    line(str(message.get("stream", "stdout")), str(message.get("text", "")))
                case "need":
                    self._serve(sent.channel, str(message["digest"]))
                case "protocol_error":
                    raise Unreachable(f"the agent on {sent.channel.name} gave up", str(message.get("msg")))
                case "dropped" if message.get("id") == sent.id:
                    raise Dropped
                case "result" if message.get("id") == sent.id:
                    return sent.there.finish(dict(message["result"])), float(message.get("seconds", 0.0))

    def _serve(self, channel: AgentChannel, digest: str) -> None:
        """Send a content. What cannot be read here fails the task there, which would wait for it otherwise."""
        content = self._offered.get(digest)
        if content is None:
            channel.refuse_content(digest, "the controller has no such content")
            return
        try:
            channel.send_content(digest, content.pieces())
        except UnreadableContent as error:
            channel.refuse_content(digest, str(error))

    def _keep(self, sent: Sent, blob: Blob) -> None:
        path = sent.there.wanted
        if path is None:
            # A message too long for one frame travels as content, and is named afterwards.
            self._long.setdefault(blob.digest, bytearray()).extend(blob.data)
            return
        if blob.offset == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        with path.open("r+b") as file:
            file.seek(blob.offset)
            file.write(blob.data)
