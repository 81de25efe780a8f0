"""One line of a text file: there, as wanted and in its place, or not there at all."""

from __future__ import annotations

import re
from typing import Any, List, Mapping, NamedTuple, Optional, Pattern, Tuple

from provision.agent import text_files
from provision.agent.change import Answer, Change, Unchanged
from provision.agent.errors import Failed
from provision.agent.target import Target

_EMPTY_PATTERN = (
    "The %s is an empty string, which will match every line in the file. This may have unintended consequences, "
    "such as replacing the last line in the file rather than appending."
)


class Wish(NamedTuple):
    """What to look for and where to put it, compiled."""

    line: bytes = b""
    regexp: Optional[Pattern[bytes]] = None
    search: Optional[bytes] = None
    after: Optional[str] = None
    before: Optional[str] = None
    backrefs: bool = False
    first: bool = False

    @property
    def anchor(self) -> Optional[Pattern[bytes]]:
        """The line to stand after or before, unless that is the file's begin or end."""
        if self.after not in (None, "BOF", "EOF"):
            return _compiled(str(self.after), "insertafter")
        if self.before not in (None, "BOF"):
            return _compiled(str(self.before), "insertbefore")
        return None


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """Work out the new text and compare."""
    _check(args, target)
    before = text_files.read(args)
    wish = _wish(args)
    if args["state"] == "absent":
        return _look_absent(args, target, before, wish)
    if before is None and not args["create"]:
        raise Failed("Destination %s does not exist !" % args["path"], rc=257)
    lines = (before or b"").splitlines(True)
    after, msg = present(lines, wish)
    answer = text_files.answer(args, target, before, b"".join(after), msg, "backup")
    return answer if isinstance(answer, Change) else Unchanged({"msg": "", "backup": ""})


def _look_absent(args: Mapping[str, Any], target: Target, before: Optional[bytes], wish: Wish) -> Answer:
    if before is None:
        return Unchanged({"msg": "file not present"})
    lines = before.splitlines(True)
    kept = [line for line in lines if not _matches(line, wish)]
    found = len(lines) - len(kept)
    msg = "%d line(s) removed" % found if found else ""
    answer = text_files.answer(args, target, before, b"".join(kept), msg, "backup")
    if isinstance(answer, Change):
        return answer._replace(values={**answer.values, "found": found})
    return Unchanged({"msg": "", "backup": "", "found": 0})


def present(lines: List[bytes], wish: Wish) -> Tuple[List[bytes], str]:
    """The lines with the wanted one in its place, and what was done; Ansible's rules, in its order."""
    lines = list(lines)
    found, match = _find(lines, wish)
    if found >= 0:
        line = wish.line
        if wish.backrefs and match is not None:
            line = match.expand(line)
        line = line if line.endswith(b"\n") else line + b"\n"
        if lines[found] == line:
            return lines, ""
        lines[found] = line
        return lines, "line replaced"
    if wish.backrefs:
        return lines, ""  # without a match there is nothing to refer back to
    return _inserted(lines, wish)


def _find(lines: List[bytes], wish: Wish) -> Tuple[int, Any]:
    """The line to replace: the last that matches (or the first, if so asked), or else the very line itself."""
    found, match = -1, None
    for number, line in enumerate(lines):
        one = wish.regexp.search(line) if wish.regexp else None
        hit = one is not None if wish.regexp else wish.search is not None and wish.search in line
        if hit:
            found, match = number, one
            if wish.first:
                break
    if found < 0:
        found = max((number for number, line in enumerate(lines) if line.rstrip(b"\r\n") == wish.line), default=-1)
    return found, match


def _inserted(lines: List[bytes], wish: Wish) -> Tuple[List[bytes], str]:
    line = wish.line + b"\n"
    if "BOF" in (wish.before, wish.after):
        return [line, *lines], "line added"
    place = _place(lines, wish)
    if place < 0 or place >= len(lines):
        place = len(lines)
        if lines and lines[-1][-1:] not in (b"\n", b"\r"):
            lines[-1] += b"\n"
    return [*lines[:place], line, *lines[place:]], "line added"


def _place(lines: List[bytes], wish: Wish) -> int:
    anchor = wish.anchor
    if anchor is None:
        return -1
    hits = [number for number, line in enumerate(lines) if anchor.search(line)]
    if not hits:
        return -1
    number = hits[0] if wish.first else hits[-1]
    return number + 1 if wish.after else number


def _matches(line: bytes, wish: Wish) -> bool:
    if wish.regexp is not None:
        return wish.regexp.search(line) is not None
    if wish.search is not None:
        return wish.search in line
    return line.rstrip(b"\r\n") == wish.line


def _wish(args: Mapping[str, Any]) -> Wish:
    after, before = args["insertafter"], args["insertbefore"]
    return Wish(
        line=(args["line"] or "").encode(),
        regexp=None if args["regexp"] is None else _compiled(args["regexp"], "regexp"),
        search=None if args["search_string"] is None else args["search_string"].encode(),
        after="EOF" if after is None and before is None else after,
        before=before,
        backrefs=args["backrefs"],
        first=args["firstmatch"],
    )


def _compiled(text: str, name: str) -> Pattern[bytes]:
    try:
        return re.compile(text.encode())
    except re.error as error:
        raise Failed("%s is no regular expression: %s: %s" % (name, text, error)) from error


def _check(args: Mapping[str, Any], target: Target) -> None:
    if args["search_string"] == "":
        target.warn(_EMPTY_PATTERN % "search string")
    if args["regexp"] == "":
        hint = " If this is desired, use '^' to match every line in the file and avoid this warning."
        target.warn(_EMPTY_PATTERN % "regular expression" + hint)
    if args["state"] == "present":
        if args["backrefs"] and args["regexp"] is None:
            raise Failed("regexp is required with backrefs=true")
        if args["line"] is None:
            raise Failed("line is required with state=present")
    elif (args["regexp"], args["search_string"], args["line"]) == (None, None, None):
        raise Failed("one of line, search_string, or regexp is required with state=absent")
