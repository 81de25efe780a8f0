"""API keys of deployed services: made once, kept on the controller in files that only their owner reads."""

from __future__ import annotations

import os
import secrets
import string
from pathlib import Path

from provision.errors import ProvisionError

LENGTH = 40
_LETTERS = string.ascii_letters + string.digits


def ensure_key(path: Path) -> bool:
    """Make the key file if there is none; whether it was made. Two deploys at once agree on one key."""
    if path.exists():
        _refuse_empty(path)
        return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write("".join(secrets.choice(_LETTERS) for _ in range(LENGTH)) + "\n")
    try:
        # A link never replaces: who comes second keeps the first one's key, and nobody reads half a file.
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def _refuse_empty(path: Path) -> None:
    if not path.read_text().strip():
        raise ProvisionError(
            f"the key file {path} is empty", "the server would accept an empty key", f"remove it: rm {path}"
        )
