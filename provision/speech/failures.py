"""How talking to a speech server goes wrong; each way has its own type, because each asks for another remedy.

ProvisionError
  SpeechFailure           the server answers, but not as it should
    Malformed             a message that the protocol does not know
    ServerError           the server said `Error`
      NoFreeSlots         ... because all its slots are taken
    HungUp                the connection ended before the speech did
    Silent                nothing came for too long, though the connection stands
    UnexpectedAnswer      an HTTP status or body that no moshi-server sends here
      NoSuchPath          404: no module at this path
  Unreachable
    NotReached            nobody answers at the address
    WrongKey              401: the key is not among the authorised ones
"""

from __future__ import annotations

from typing import Literal

from provision.errors import ProvisionError, Unreachable

Obstacle = Literal["refused", "timeout", "no-route", "name", "tls", "not-http", "reset"]

NO_STATUS = 1005
NO_CLOSE_FRAME = 1006


class SpeechFailure(ProvisionError):
    """The server answers, but not as it should."""


class Malformed(SpeechFailure):
    """A message that the protocol does not know, or a known one with the wrong contents."""


class ServerError(SpeechFailure):
    """The server said `Error`; `message` is its own text."""

    def __init__(self, message: str, why: str = "", hint: str = "") -> None:
        super().__init__(f"the server answers with an error: {message}", why, hint)
        self.message = message


class NoFreeSlots(ServerError):
    """All slots are taken."""

    def __init__(self, message: str = "no free channels") -> None:
        super().__init__(
            message,
            "all slots of the module are taken, by clients or by a model loop that died and never frees them",
            "compare used_slots and total_slots in /api/modules_info; if they stay equal without clients, restart",
        )


class HungUp(SpeechFailure):
    """The connection ended too early: `code` as WebSocket has it, `after` says what had happened before."""

    def __init__(self, code: int, after: str) -> None:
        super().__init__(f"the server hung up {after} (close code {code})", _REASONS.get(code, ""))
        self.code = code
        self.after = after


class Silent(SpeechFailure):
    """Nothing came for `seconds`, though the connection stands."""

    def __init__(self, seconds: float, after: str) -> None:
        super().__init__(f"nothing came for {seconds:g} s {after}")
        self.seconds = seconds
        self.after = after


class UnexpectedAnswer(SpeechFailure):
    """An HTTP status or body that no moshi-server sends here; `status` is 0 where the body was the matter."""

    def __init__(self, status: int, what: str, why: str = "", hint: str = "") -> None:
        super().__init__(what, why, hint)
        self.status = status


class NoSuchPath(UnexpectedAnswer):
    """404: no module at this path."""

    def __init__(self, url: str) -> None:
        super().__init__(
            404,
            f"no module answers at {url} (HTTP 404)",
            "the path is not in the server's config; speech to text has a dash (asr-streaming), text to speech "
            "an underscore (tts_streaming)",
            "look at the `path` values in /api/modules_info",
        )


class NotReached(Unreachable):
    """Nobody answers at the address; `obstacle` says how that was noticed."""

    def __init__(self, address: str, obstacle: Obstacle, detail: str = "") -> None:
        super().__init__(f"{address} cannot be reached: {detail or obstacle}", _OBSTACLES[obstacle])
        self.address = address
        self.obstacle = obstacle


class WrongKey(Unreachable):
    """401: the key is not among the authorised ones."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"{url} refuses the key (HTTP 401)",
            "the header kyutai-api-key is not in authorized_ids of the server's config",
        )


_REASONS = {
    NO_STATUS: "close without a status: the slots were full, Eos came before any Text, or the server ended the stream",
    NO_CLOSE_FRAME: "no close frame: the server process died, or something between dropped the connection",
}

_OBSTACLES: dict[Obstacle, str] = {
    "refused": "nothing listens on that port: the service is down or still loading, or it is bound to another address",
    "timeout": "no answer at all: a firewall drops the packets, or the machine is off",
    "no-route": "the network says there is no way there: a firewall rejects the packets, or the machine is gone",
    "name": "the name has no address",
    "tls": "TLS failed: moshi-server speaks plain ws:// and http://, or the certificate is not one that we trust",
    "not-http": "what answers there does not speak HTTP; a wss:// port asked by ws:// looks like this",
    "reset": "the connection was accepted and dropped at once; a plain port that is asked for TLS looks like this too",
}
