"""Arguments written in one line, `src=a dest="b c"`: split as Ansible splits them, templates and quotes kept whole."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator

_ESCAPES = re.compile(r"""\\U[a-fA-F0-9]{8}|\\u[a-fA-F0-9]{4}|\\x[a-fA-F0-9]{2}|\\N\{[^}]+\}|\\[\\'"abfnrtv]""")
_COMMAND_OPTIONS = frozenset(
    ["creates", "removes", "chdir", "executable", "warn", "stdin", "stdin_add_newline", "strip_empty_ends"]
)
_PAIRS = (("{{", "}}"), ("{%", "%}"), ("{#", "#}"))


def key_values(line: str, command: bool = False) -> dict[str, str]:
    """The arguments in a line. What is no `key=value` is free text, under `_raw_params`.

    In a command's line only the command's own options count as arguments, all else is text.
    """
    found: dict[str, str] = {}
    text: list[str] = []
    for word in words(line):
        decoded = _ESCAPES.sub(lambda match: codecs.decode(match[0], "unicode-escape"), word)
        equals = _first_equals(decoded)
        if equals < 1:
            text.append(decoded.replace("\\=", "=") if "=" in decoded else word)
        elif command and decoded[:equals] not in _COMMAND_OPTIONS:
            text.append(word)
        else:
            found[decoded[:equals].strip()] = unquoted(decoded[equals + 1 :].strip())
    if text:
        found["_raw_params"] = _rejoined(text)
    return found


def _first_equals(word: str) -> int:
    """Where the first `=` without a backslash before it stands; a word does not begin with it."""
    match = re.search(r"(?<=[^\\])=", word)
    return match.start() if match else -1


def unquoted(text: str) -> str:
    """The text without the quotes around it."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" and text[-2] != "\\":
        return text[1:-1]
    return text


def _rejoined(parts: Iterable[str]) -> str:
    joined = ""
    for part in parts:
        joined += part if not joined or joined.endswith("\n") else f" {part}"
    return joined


def words(line: str) -> list[str]:
    """The words of a line; spaces in quotes and templates do not separate. ValueError when one is left open."""
    splitter = _Splitter()
    rows = line.split("\n")
    for number, row in enumerate(rows):
        splitter.take_row(row, last=number == len(rows) - 1)
    if splitter.open:
        raise ValueError("a quote or a template is not closed")
    return splitter.words


class _Splitter:
    """Puts pieces back together that were split inside quotes or templates."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self._quote: str | None = None
        self._depths = [0, 0, 0]

    @property
    def open(self) -> bool:
        return self._quote is not None or any(self._depths)

    def take_row(self, row: str, last: bool) -> None:
        continued = False
        for place, piece in enumerate(row.split(" ")):
            if not piece and place:
                self._extend(" ")
            elif piece == "\\" and self._quote is None:
                continued = True
            else:
                self._take(piece, first=place == 0)
        if not last and not continued:
            self._extend("\n")

    def _extend(self, text: str) -> None:
        if not self.words:
            self.words.append("")
        self.words[-1] += text

    def _take(self, piece: str, first: bool) -> None:
        was_quoted, was_inside = self._quote is not None, any(self._depths)
        self._quote = _quote_after(piece, self._quote)
        depths = [_depth_after(piece, depth, *pair) for depth, pair in zip(self._depths, _PAIRS)]
        opens = depths != self._depths
        self._depths = depths
        if was_inside or was_quoted:
            self.words[-1] += piece if first and was_quoted else f"{'' if first else ' '}{piece}"
        elif self._quote is not None or opens or piece:
            self.words.append(piece)


def _quote_after(piece: str, quote: str | None) -> str | None:
    """The quote that is open behind a piece."""
    for letter in _unescaped(piece):
        if quote is None:
            quote = letter
        elif letter == quote:
            quote = None
    return quote


def _unescaped(piece: str) -> Iterator[str]:
    before = ""
    for letter in piece:
        if letter in "\"'" and before != "\\":
            yield letter
        before = letter


def _depth_after(piece: str, depth: int, opening: str, closing: str) -> int:
    return max(0, depth + piece.count(opening) - piece.count(closing))
