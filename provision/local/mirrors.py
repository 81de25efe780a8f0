"""Where Debian's packages come from: the mirrors that this computer itself uses, else the tools' own default."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

APT = Path("/etc/apt")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Mirrors:
    """The archive and its security updates; empty where this computer has none for Debian (it runs something else)."""

    archive: str = ""
    security: str = ""

    def lines(self, release: str) -> tuple[str, ...]:
        """The lines of a sources.list; none leaves mmdebstrap and Debian's own image to their defaults."""
        if not self.archive:
            return ()
        lines = (f"deb {self.archive} {release} main", f"deb {self.archive} {release}-updates main")
        return (*lines, f"deb {self.security} {release}-security main") if self.security else lines


def of_this_computer(release: str, apt: Path = APT) -> Mirrors:
    """The mirrors of the host's apt for that release; those on loopback would not answer a machine."""
    found = {suite: uri for suite, uri in _sources(apt) if _reachable(uri)}
    return Mirrors(found.get(release, ""), found.get(f"{release}-security", ""))


def _reachable(uri: str) -> bool:
    parts = urlsplit(uri)
    return parts.scheme in ("http", "https") and parts.hostname not in _LOOPBACK


def _sources(apt: Path) -> Iterator[tuple[str, str]]:
    folder = apt / "sources.list.d"
    for path in (apt / "sources.list", *sorted(folder.glob("*.list"))):
        for line in _read(path).splitlines():
            yield from _one_line(line)
    for path in sorted(folder.glob("*.sources")):
        for stanza in _read(path).split("\n\n"):
            yield from _stanza(stanza)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _one_line(line: str) -> Iterator[tuple[str, str]]:
    words = line.split("#")[0].split("]")[-1].split()
    if line.strip().startswith("deb ") and "]" not in line:
        words = words[1:]
    if line.strip().startswith("deb ") and len(words) >= 2 and "://" in words[0]:
        yield words[1], words[0].rstrip("/")


def _stanza(text: str) -> Iterator[tuple[str, str]]:
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line and not line.startswith(("#", " ")))
    if fields.get("Enabled", "yes").strip() == "no" or "deb" not in fields.get("Types", "").split():
        return
    for suite in fields.get("Suites", "").split():
        for uri in fields.get("URIs", "").split()[:1]:
            yield suite, uri.rstrip("/")
