"""Reads a file into the result, in base64."""

from __future__ import annotations

import base64
import os
from typing import Any, Mapping

from provision.agent.change import Answer, Unchanged
from provision.agent.errors import Failed
from provision.agent.target import Target


def look(args: Mapping[str, Any], target: Target) -> Answer:
    """The file's bytes; nothing changes."""
    source = args["src"]
    try:
        with open(source, "rb") as file:
            data = file.read()
    except FileNotFoundError as error:
        raise Failed("file not found: %s" % source) from error
    except PermissionError as error:
        raise Failed("file is not readable: %s" % source) from error
    except IsADirectoryError as error:
        raise Failed("source is a directory and must be a file: %s" % source) from error
    except OSError as error:
        raise Failed("unable to slurp file: %s" % os.strerror(error.errno or 0)) from error
    return Unchanged({"content": base64.b64encode(data).decode(), "source": source, "encoding": "base64"})
