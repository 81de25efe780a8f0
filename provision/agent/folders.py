"""Making folders with the attributes they are wanted with, parents included."""

from __future__ import annotations

import os
from typing import AbstractSet, List, Optional

from provision.agent import attributes
from provision.agent.attributes import Wanted
from provision.agent.change import Change
from provision.agent.errors import Failed


def missing(path: str) -> List[str]:
    """The folders that lack on the way to `path`, outermost first."""
    lacking: List[str] = []
    while path and not os.path.isdir(path):
        if os.path.lexists(path):
            raise Failed("There was an issue creating %s as requested: [Errno 17] File exists" % path, path=path)
        lacking.insert(0, path)
        path = os.path.dirname(path)
    return lacking


def create(path: str, want: Wanted, planned: AbstractSet[str] = frozenset()) -> Optional[Change]:
    """The Change that makes a folder and its parents; all new ones get the attributes, as in Ansible.

    Folders that are `planned` are made by Changes before this one, with attributes of their own.
    """
    lacking = [one for one in missing(path.rstrip("/") or "/") if one not in planned]
    if not lacking:
        return None

    def perform() -> None:
        for folder in lacking:
            try:
                os.mkdir(folder)
            except FileExistsError:
                pass  # somebody else has just made it
            except OSError as error:
                raise Failed("There was an issue creating %s as requested: %s" % (folder, error), path=path) from error
            attributes.set_attributes(folder, want)

    before, after = {"path": path, "state": "absent"}, {"path": path, "state": "directory"}
    return Change("create folder %s" % path, perform, before, after)
