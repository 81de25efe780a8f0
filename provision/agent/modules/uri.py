"""Talks to a web service: one request, the answer in the result."""

from __future__ import annotations

import glob
import http.cookies
import json
import os
import time
import urllib.parse
from typing import Any, Dict, List, Mapping, Tuple

from provision.agent import attributes, multipart, web
from provision.agent.change import Answer, Change, Unchanged
from provision.agent.contents import wanted
from provision.agent.errors import Failed
from provision.agent.files import hashes, hashes_of, write
from provision.agent.target import Target


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """The request is made here: only its answer tells whether the file `dest` changes."""
    needless = _needless(args)
    if needless:
        return Unchanged({"stdout": needless, "msg": needless, "rc": 0})
    start = time.monotonic()
    body, headers = _body(args, target)
    wish = web.call_from(args, method=args["method"].upper(), body=body, follow=args["follow_redirects"])
    wish = wish._replace(ca_path=args["ca_path"] or "", unix_socket=args["unix_socket"] or "")
    with web.call(wish._replace(headers={**headers, **wish.headers})) as reply:
        content = reply.body.read() if args["method"].upper() != "HEAD" else b""
    values = _values(args, reply, content, int(time.monotonic() - start))
    if reply.status not in args["status_code"]:
        msg = "Status code was %s and not %s: %s" % (reply.status, args["status_code"], reply.message())
        values.update(content=_text(content, reply))
        del values["msg"]
        raise Failed(msg, **values)
    return _kept(args, target, reply, content, values)


def _needless(args: Mapping[str, Any]) -> str:
    if args["creates"] and glob.glob(args["creates"]):
        return "skipped, since '%s' exists" % args["creates"]
    if args["removes"] and not glob.glob(args["removes"]):
        return "skipped, since '%s' does not exist" % args["removes"]
    return ""


def _kept(args: Mapping[str, Any], target: Target, reply: web.Reply, content: bytes, values: Dict[str, Any]) -> Answer:
    if not args["dest"]:
        return Unchanged(values)
    dest = args["dest"]
    if os.path.isdir(dest):
        name = os.path.basename(urllib.parse.unquote(urllib.parse.urlsplit(reply.url).path)) or "index.html"
        dest = os.path.join(dest, name)
    values["path"] = dest
    want = attributes.wanted(args)
    if os.path.isfile(dest) and hashes(dest, "sha256") == hashes_of(content, "sha256"):
        change = attributes.look(dest, want)
        return change._replace(values=values) if change else Unchanged(values)
    return Change("write %s" % dest, lambda: write(target, dest, content, want), values=values)


def _values(args: Mapping[str, Any], reply: web.Reply, content: bytes, elapsed: int) -> Dict[str, Any]:
    headers: Dict[str, Any] = {}
    for name in reply.headers:
        headers[name.replace("-", "_").lower()] = ", ".join(reply.headers.get_all(name))
    values: Dict[str, Any] = {
        **headers,
        "status": reply.status,
        "url": reply.url,
        "redirected": reply.url != args["url"],
        "elapsed": elapsed,
        "msg": reply.message(),
        **_cookies(reply),
    }
    if "location" in values:
        values["location"] = urllib.parse.urljoin(reply.url, values["location"])
    text = _text(content, reply)
    if args["return_content"]:
        values["content"] = text
    if _is_json(reply):
        try:
            values["json"] = json.loads(text)
        except ValueError:
            pass  # a server that says JSON and sends something else: the text is there
    return values


def _cookies(reply: web.Reply) -> Dict[str, Any]:
    found: Dict[str, str] = {}
    for header in reply.headers.get_all("Set-Cookie") or []:
        try:
            jar = http.cookies.SimpleCookie(header)
        except http.cookies.CookieError:
            continue
        found.update((name, morsel.value) for name, morsel in jar.items())
    return {"cookies": found, "cookies_string": "; ".join("%s=%s" % pair for pair in found.items())}


def _is_json(reply: web.Reply) -> bool:
    kind: str = reply.headers.get_content_type()
    return kind.endswith(("/json", "+json", "/javascript"))


def _text(content: bytes, reply: web.Reply) -> str:
    charset = reply.headers.get_content_charset() or "utf-8"
    try:
        return content.decode(charset, "replace")
    except LookupError:
        return content.decode("utf-8", "replace")


def _body(args: Mapping[str, Any], target: Target) -> "Tuple[bytes | None, Dict[str, str]]":
    """The bytes to send, and the headers they imply."""
    if args.get("_content"):
        return target.read_content(wanted(args["_content"])), {}
    if args["src"]:
        with open(args["src"], "rb") as file:
            return file.read(), {}
    body, form = args["body"], args["body_format"]
    if body is None:
        return None, {}
    if form == "json":
        text = body if isinstance(body, str) else json.dumps(body)
        return text.encode(), {"Content-Type": "application/json"}
    if form == "form-urlencoded":
        return _form(body).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    if form == "form-multipart":
        return multipart.encode(body)
    return (body if isinstance(body, str) else json.dumps(body)).encode(), {}


def _form(body: Any) -> str:
    if isinstance(body, str):
        return body
    pairs: List[Tuple[Any, Any]] = list(body.items()) if isinstance(body, Mapping) else [tuple(one) for one in body]
    return urllib.parse.urlencode(pairs, doseq=True)
