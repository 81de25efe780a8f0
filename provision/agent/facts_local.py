"""Facts that the machine's owner wrote: /etc/ansible/facts.d/*.fact, JSON, INI or programs that print them."""

from __future__ import annotations

import glob
import json
import os
from typing import Any, Dict, Mapping

from provision.agent.errors import Failed
from provision.agent.facts_system import Facts
from provision.agent.target import Target


def gather(args: Mapping[str, Any], target: Target) -> Facts:
    """All of them, by file name."""
    paths = sorted(glob.glob(os.path.join(args["fact_path"] or "/nowhere", "*.fact")))
    return {"local": {os.path.basename(path)[: -len(".fact")]: _read(path, target) for path in paths}}


def _read(path: str, target: Target) -> Any:
    try:
        return parsed(_text(path, target), path)
    except (Failed, OSError, ValueError) as error:
        text = str(error)
        target.warn(text)
        return text


def _text(path: str, target: Target) -> str:
    if not os.access(path, os.X_OK):
        with open(path) as file:
            return file.read()
    completed = target.run([path])
    if completed.rc:
        raise Failed("Failure executing fact script (%s), rc: %s, err: %s" % (path, completed.rc, completed.stderr))
    return completed.stdout


def parsed(text: str, path: str) -> Any:
    """JSON, or else INI."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    import configparser

    parser = configparser.ConfigParser()
    try:
        parser.read_string(text)
        sections: Dict[str, Any] = {name: dict(parser.items(name)) for name in parser.sections()}
    except configparser.Error as error:
        raise ValueError("error loading facts as JSON or ini - please check content: %s" % path) from error
    return sections
