"""Downloads a file, checks it, and puts it in place; nothing is downloaded when the checksum says it is there."""

from __future__ import annotations

import email.utils
import os
import re
import time
import urllib.parse
from typing import Any, Dict, Mapping, NamedTuple, Optional

from provision.agent import attributes, web
from provision.agent.change import Answer, Change, Unchanged, together
from provision.agent.errors import Failed
from provision.agent.files import hashes, place, suffix_of
from provision.agent.target import Target


class Expected(NamedTuple):
    """What the file has to hash to."""

    algorithm: str
    digest: str


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """By checksum where there is one; else the server is asked, with the time of the file we have."""
    dest = args["dest"]
    expected = _expected(args)
    values: Dict[str, Any] = {
        "dest": dest,
        "url": args["url"],
        "elapsed": 0,
        "checksum_src": None,
        "checksum_dest": None,
    }
    is_here = os.path.exists(dest) and not os.path.isdir(dest)
    if is_here and expected and not args["force"] and _digest(dest, expected.algorithm) == expected.digest:
        values["checksum_dest"] = hashes(dest, "sha1")[0]
        change = attributes.look(dest, attributes.wanted(args))
        msg = "file already exists but file attributes changed" if change else "file already exists"
        return together("attributes", [change], **values, msg=msg) or Unchanged({**values, "msg": msg})
    if not os.path.isdir(os.path.dirname(os.path.abspath(dest))):
        raise Failed("Destination %s does not exist" % os.path.dirname(dest), **values)
    mismatch = bool(expected and is_here)
    return _ask(args, target, values, expected, None if args["force"] or mismatch or not is_here else dest)


def _ask(
    args: Mapping[str, Any], target: Target, values: Dict[str, Any], expected: Optional[Expected], have: Optional[str]
) -> Answer:
    start = time.monotonic()
    with web.call(_call(args, have, "HEAD" if target.check else "GET")) as reply:
        return _answered(args, target, values, expected, reply, start)


def _answered(
    args: Mapping[str, Any],
    target: Target,
    values: Dict[str, Any],
    expected: Optional[Expected],
    reply: web.Reply,
    start: float,
) -> Answer:
    dest = _final_dest(args["dest"], reply)
    values.update(dest=dest, status_code=reply.status, msg=reply.message(), elapsed=int(time.monotonic() - start))
    if reply.status == 304:
        values["checksum_dest"] = values["checksum_src"] = hashes(dest, "sha1")[0]
        change = attributes.look(dest, attributes.wanted(args))
        return together("attributes", [change], **values) or Unchanged(values)
    if reply.status >= 400:
        raise Failed("Request failed", response=reply.message(), **{k: v for k, v in values.items() if k != "msg"})
    if target.check:
        return Change("download %s" % args["url"], values=values)
    return _downloaded(args, target, values, expected, reply)


def _downloaded(
    args: Mapping[str, Any], target: Target, values: Dict[str, Any], expected: Optional[Expected], reply: web.Reply
) -> Answer:
    """Without a checksum only the bytes tell whether anything changed, so they come first."""
    dest, start = values["dest"], time.monotonic()
    temporary = target.temporary.make(args["tmp_dest"] or os.path.dirname(dest) or ".", suffix=suffix_of(dest))
    try:
        web.save(reply, temporary, target)
        values["elapsed"] += int(time.monotonic() - start)
        _verify(temporary, expected, values)
    except BaseException:
        target.temporary.remove(temporary)
        raise
    values.update(checksum_src=hashes(temporary, "sha1")[0], checksum_dest=_sha1_or_none(dest), md5sum=_md5(temporary))
    if values["checksum_src"] == values["checksum_dest"]:
        target.temporary.remove(temporary)
        return together("attributes", [attributes.look(dest, attributes.wanted(args))], **values) or Unchanged(values)
    want = attributes.wanted(args)

    def perform() -> Dict[str, Any]:
        near = _beside(target, temporary, dest)
        return place(target, near, dest, want, None, args["backup"], args["unsafe_writes"])

    return Change("download %s" % args["url"], perform, values={**values, "src": temporary})


def _beside(target: Target, temporary: str, dest: str) -> str:
    """`tmp_dest` may lie on another file system, from which nothing can be renamed."""
    folder = os.path.dirname(dest) or "."
    if os.stat(os.path.dirname(temporary) or ".").st_dev == os.stat(folder).st_dev:
        return temporary
    near = target.temporary.copy(temporary, folder, suffix_of(dest))
    target.temporary.remove(temporary)
    return near


def _verify(path: str, expected: Optional[Expected], values: Mapping[str, Any]) -> None:
    if expected is None:
        return
    found = _digest(path, expected.algorithm)
    if found != expected.digest:
        msg = "The checksum for %s did not match %s; it was %s." % (values["url"], expected.digest, found)
        raise Failed(msg, **{key: value for key, value in values.items() if key != "msg"})


def _call(args: Mapping[str, Any], have: Optional[str], method: str) -> web.Call:
    wish = web.call_from(args, method=method, follow="all")
    if have is None:
        return wish
    since = email.utils.formatdate(os.path.getmtime(have), usegmt=True)
    return wish._replace(headers={**wish.headers, "If-Modified-Since": since})


def _final_dest(dest: str, reply: web.Reply) -> str:
    if not os.path.isdir(dest):
        return dest
    name = reply.headers.get_filename() or os.path.basename(urllib.parse.unquote(urllib.parse.urlsplit(reply.url).path))
    return os.path.join(dest, os.path.basename(name) or "index.html")


def _expected(args: Mapping[str, Any]) -> Optional[Expected]:
    if not args["checksum"]:
        return None
    algorithm, separator, digest = args["checksum"].partition(":")
    if not separator:
        raise Failed("The checksum parameter has to be in format <algorithm>:<checksum>")
    if "://" in digest:
        digest = _published(args, digest)
    digest = re.sub(r"\W+", "", digest).lower()
    if not re.fullmatch("[0-9a-f]+", digest):
        raise Failed("The checksum format is invalid")
    return Expected(algorithm, digest)


def _published(args: Mapping[str, Any], url: str) -> str:
    with web.call(_call({**args, "url": url}, None, "GET")) as reply:
        if reply.status >= 400:
            raise Failed("the checksums at %s cannot be read: %s" % (url, reply.message()))
        text = reply.body.read(1 << 20).decode("utf-8", "replace")
    name = os.path.basename(urllib.parse.unquote(urllib.parse.urlsplit(args["url"]).path))
    found = checksum_in(text, name)
    if found is None:
        raise Failed("Unable to find a checksum for file '%s' in '%s'" % (name, url))
    return found


def checksum_in(text: str, name: str) -> Optional[str]:
    """The checksum of a file in what sha256sum and its like print; a single word stands for itself."""
    lines = [line.split(None, 1) for line in text.splitlines() if line.strip()]
    if len(lines) == 1 and len(lines[0]) == 1:
        return lines[0][0]
    for words in lines:
        if len(words) == 2 and words[1].strip().lstrip("*").lstrip("./") == name:
            return words[0]
    return None


def _digest(path: str, algorithm: str) -> str:
    try:
        return hashes(path, algorithm)[0]
    except ValueError as error:
        raise Failed("the checksum algorithm %s is not known here" % algorithm) from error


def _sha1_or_none(path: str) -> Optional[str]:
    return hashes(path, "sha1")[0] if os.path.isfile(path) else None


def _md5(path: str) -> Optional[str]:
    try:
        return hashes(path, "md5")[0]
    except ValueError:  # a FIPS machine has no md5
        return None
