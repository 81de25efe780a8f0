"""Bodies of multipart/form-data, for the module uri."""

from __future__ import annotations

import base64
import mimetypes
import os
import uuid
from typing import Any, Dict, Mapping, Tuple

from provision.agent.errors import Failed


def encode(body: Any) -> Tuple[bytes, Dict[str, str]]:
    """The body and its Content-Type. A field is a text, or {content, filename, mime_type, multipart_encoding}."""
    if not isinstance(body, Mapping):
        raise Failed("failed to parse body as form-multipart: it has to be a mapping")
    boundary = uuid.uuid4().hex
    parts = [_part(str(name), value, boundary) for name, value in body.items()]
    data = b"".join(parts) + b"--%s--\r\n" % boundary.encode()
    return data, {"Content-Type": "multipart/form-data; boundary=" + boundary}


def _part(name: str, value: Any, boundary: str) -> bytes:
    field = value if isinstance(value, Mapping) else {"content": value}
    content, filename = field.get("content"), field.get("filename")
    if content is None and filename is None:
        raise Failed("at least one of filename or content must be provided for the field %s" % name)
    data = _file(str(filename)) if content is None else str(content).encode()
    lines = ['Content-Disposition: form-data; name="%s"' % name]
    if filename:
        lines[0] += '; filename="%s"' % os.path.basename(str(filename))
        guessed = mimetypes.guess_type(str(filename))[0] or "application/octet-stream"
        lines.append("Content-Type: " + str(field.get("mime_type") or guessed))
    elif field.get("mime_type"):
        lines.append("Content-Type: " + str(field["mime_type"]))
    if filename and field.get("multipart_encoding", "base64") == "base64" and content is None:
        lines.append("Content-Transfer-Encoding: base64")
        data = base64.encodebytes(data).replace(b"\n", b"\r\n")
    head = "--%s\r\n%s\r\n\r\n" % (boundary, "\r\n".join(lines))
    return head.encode() + data + b"\r\n"


def _file(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
