"""A block of lines between two markers of a text file."""

from __future__ import annotations

import re
from typing import Any, List, Mapping, Optional, Pattern, Tuple

from provision.agent import text_files
from provision.agent.change import Answer, Unchanged
from provision.agent.errors import Failed
from provision.agent.target import Target


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """Work out the new text and compare."""
    before = text_files.read(args)
    if before is None and not args["create"]:
        raise Failed("Path %s does not exist !" % args["path"], rc=257)
    if before is None and args["state"] == "absent":
        return Unchanged({"msg": "File %s not present" % args["path"]})
    block = wanted_lines(args)
    after = b"".join(edited(before or b"", block, args))
    if before == after:
        msg = ""
    elif before is None:
        msg = "File created"
    else:
        msg = "Block inserted" if block else "Block removed"
    return text_files.answer(args, target, before, after, msg)


def wanted_lines(args: Mapping[str, Any]) -> List[bytes]:
    """The markers with the block between them; nothing when there shall be none."""
    block = args["block"].encode()
    if args["state"] == "absent" or not block:
        return []
    begin, end = _markers(args)
    return [begin, *(block if block.endswith(b"\n") else block + b"\n").splitlines(True), end]


def edited(text: bytes, block: List[bytes], args: Mapping[str, Any]) -> List[bytes]:
    """The file's lines with the block in its place: where it was, or where it is asked to stand."""
    lines, place = _without_block(text, args)
    if place > 0 and not lines[place - 1].endswith(b"\n"):
        lines[place - 1] += b"\n"
    present = args["state"] == "present"
    if args["prepend_newline"] and present and place and lines[place - 1] != b"\n":
        lines.insert(place, b"\n")
        place += 1
    lines[place:place] = block
    following = place + len(block)
    if args["append_newline"] and present and following < len(lines) and lines[following] != b"\n":
        lines.insert(following, b"\n")
    return lines


def _markers(args: Mapping[str, Any]) -> Tuple[bytes, bytes]:
    begin = args["marker"].replace("{mark}", args["marker_begin"]) + "\n"
    end = args["marker"].replace("{mark}", args["marker_end"]) + "\n"
    return begin.encode(), end.encode()


def _without_block(text: bytes, args: Mapping[str, Any]) -> Tuple[List[bytes], int]:
    lines = text.splitlines(True)
    begin, end = _markers(args)
    first = max((number for number, line in enumerate(lines) if line == begin), default=None)
    last = max((number for number, line in enumerate(lines) if line == end), default=None)
    if first is None or last is None:
        return lines, _place(text, lines, args)
    first, last = min(first, last), max(first, last)
    return lines[:first] + lines[last + 1 :], first


def _place(text: bytes, lines: List[bytes], args: Mapping[str, Any]) -> int:
    after, before = args["insertafter"], args["insertbefore"]
    if before == "BOF":
        return 0
    anchor = after if after not in (None, "EOF") else before
    if anchor is None:
        return len(lines)
    found = _anchored(text, lines, _compiled(anchor), bool(after))
    if found is None:
        return len(lines)
    # A pattern with (?m) may match the file's last newline, behind which no line begins.
    return min(found + 1, len(lines)) if after else found


def _anchored(text: bytes, lines: List[bytes], pattern: Pattern[bytes], after: bool) -> Optional[int]:
    """The last line that matches; a pattern with (?m) is searched in the whole text."""
    if pattern.flags & re.MULTILINE:
        match = pattern.search(text)
        return None if match is None else text.count(b"\n", 0, match.end() if after else match.start())
    return max((number for number, line in enumerate(lines) if pattern.search(line)), default=None)


def _compiled(text: str) -> Pattern[bytes]:
    try:
        return re.compile(text.encode())
    except re.error as error:
        raise Failed("not a regular expression: %s: %s" % (text, error)) from error
