"""What lineinfile and blockinfile share: read a file, put its new text in place, set its attributes, tell the diff."""

from __future__ import annotations

import os
from typing import Any, Dict, Mapping, Optional

from provision.agent import attributes, folders
from provision.agent.attributes import Wanted
from provision.agent.change import Answer, Change, Unchanged, together
from provision.agent.errors import Failed
from provision.agent.files import lines_diff, read_or_none, write
from provision.agent.target import Target

ATTRIBUTES_CHANGED = "ownership, perms or SE linux context changed"


def read(args: Mapping[str, Any]) -> Optional[bytes]:
    """The file's bytes, None when it is not there; Failed when it is a folder."""
    path = str(args["path"])
    if os.path.isdir(path):
        raise Failed("Path %s is a directory !" % path, rc=256)
    return read_or_none(path)


def answer(
    args: Mapping[str, Any],
    target: Target,
    before: Optional[bytes],
    after: bytes,
    msg: str,
    backup: str = "backup_file",
) -> Answer:
    """The Change from the text that is to the text that is wanted, attributes included.

    `backup` is what the module calls the backup's name; lineinfile has it always, empty when there is none.
    """
    path = str(args["path"])
    want = attributes.wanted(args)
    if before == after or (before is None and not after and not msg):
        return _attributes_only(path, want, msg, before is not None)

    def perform() -> Dict[str, Any]:
        real = os.path.realpath(path)
        values = write(target, real, after, want, args["validate"], args["backup"], args["unsafe_writes"])
        return {backup: values["backup_file"]} if "backup_file" in values else {}

    change = Change("edit %s" % path, perform, **lines_diff(path, before or b"", after))
    folder = folders.create(os.path.dirname(path) or ".", Wanted())
    values = {"backup": ""} if backup == "backup" else {}
    return together(
        "edit",
        [folder, change],
        **values,
        msg=msg if before is None and target.check else _with_attributes(path, want, msg, before is not None),
    )


def _attributes_only(path: str, want: Wanted, msg: str, exists: bool) -> Answer:
    change = attributes.look(os.path.realpath(path), want) if exists else None
    if change is None:
        return Unchanged({"msg": msg})
    header = "%s (file attributes)" % path
    change = change._replace(before_header=header, after_header=header)
    return together("attributes", [change], msg=ATTRIBUTES_CHANGED)


def _with_attributes(path: str, want: Wanted, msg: str, exists: bool) -> str:
    """Ansible's message tells of attributes too."""
    status = None if exists else attributes.newborn()
    differs = attributes.look(os.path.realpath(path), want._replace(flags=None), status) is not None
    return "%s and %s" % (msg, ATTRIBUTES_CHANGED) if differs else msg
