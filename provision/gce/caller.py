"""Finds out from which public address this command comes, so that the firewall lets nobody else in."""

from __future__ import annotations

import ipaddress
import urllib.error
import urllib.request

from provision.errors import Unreachable


def public_address(url: str, timeout_s: float = 5.0) -> str:
    """The address that the page at `url` sees us come from."""
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as answer:
            text = answer.read(200).decode("ascii", "replace").strip()
    except urllib.error.HTTPError as error:
        error.close()
        raise _unknown(f"{url} answers {error.code}") from error
    except (OSError, ValueError) as error:
        raise _unknown(f"{url} does not answer: {error}") from error
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise _unknown(f"{url} answered `{text[:60]}`, which is no address") from error


def _unknown(why: str) -> Unreachable:
    return Unreachable(
        "your public address is not known",
        why,
        "name it: `--allow ADDRESS/32`; or set `caller_url` to a page that answers with the caller's address",
    )


def as_range(address: str) -> str:
    """The range that holds just this address."""
    return str(ipaddress.ip_network(address))
