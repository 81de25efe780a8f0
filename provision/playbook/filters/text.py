"""Filters on text: regular expressions, quoting, comments, truth values, dates."""

from __future__ import annotations

import datetime
import re
import shlex
import time
import uuid
from typing import Any
from urllib.parse import unquote_plus, urlsplit

from provision.playbook.jinja import Missing

_ANSIBLE_UUIDS = uuid.UUID("361E6D51-FAEC-444A-9079-341386DA8E2E")
_COMMENTS: dict[str, dict[str, str]] = {
    "plain": {"decoration": "# "},
    "erlang": {"decoration": "% "},
    "c": {"decoration": "// "},
    "cblock": {"beginning": "/*", "decoration": " * ", "end": " */"},
    "xml": {"beginning": "<!--", "decoration": " - ", "end": "-->"},
}


def as_bool(value: Any) -> Any:
    """Ansible's truth: yes, on, 1 and true in any case; everything else is false."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value.lower() in ("yes", "on", "1", "true")
    return bool(value == 1)


def quote(value: Any) -> str:
    return shlex.quote("" if value is None else str(value))


def _flags(ignorecase: bool, multiline: bool) -> int:
    return (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)


def regex_replace(
    value: Any = "",
    pattern: str = "",
    replacement: str = "",
    ignorecase: bool = False,
    multiline: bool = False,
    count: int = 0,
    mandatory_count: int = 0,
) -> str:
    done, times = re.compile(pattern, _flags(ignorecase, multiline)).subn(replacement, str(value), count=count)
    if mandatory_count and mandatory_count != times:
        raise ValueError(f"`{pattern}` should match {mandatory_count} times, but matches {times} times")
    return done


def regex_findall(value: Any, regex: str, multiline: bool = False, ignorecase: bool = False) -> list[Any]:
    return re.findall(regex, str(value), _flags(ignorecase, multiline))


def regex_search(value: Any, regex: str, *groups: str, ignorecase: bool = False, multiline: bool = False) -> Any:
    """The match, or the groups asked for (`\\\\1`, `\\\\g<name>`) as a list; None without a match."""
    wanted = [_group(word) for word in groups]
    match = re.search(regex, str(value), _flags(ignorecase, multiline))
    if not match:
        return None
    return [match.group(name) for name in wanted] if wanted else match.group()


def _group(word: str) -> Any:
    named = re.match(r"\\g<(\S+)>", word)
    if named:
        return named[1]
    numbered = re.match(r"\\(\d+)", word)
    if not numbered:
        raise ValueError(f"`{word}` is not a group of a regular expression; write \\\\1 or \\\\g<name>")
    return int(numbered[1])


def regex_escape(value: Any, re_type: str = "python") -> str:
    if re_type == "python":
        return re.escape(str(value))
    if re_type == "posix_basic":
        return re.sub(r"([].[^$*\\])", r"\\\1", str(value))
    raise ValueError(f"`{re_type}` is not a kind of regular expression that regex_escape knows (python, posix_basic)")


def comment(text: str, style: str = "plain", **options: Any) -> str:
    """The text as a comment in a configuration file."""
    if style not in _COMMENTS:
        raise ValueError(f"`{style}` is not a style of comments; there are {', '.join(_COMMENTS)}")
    chosen = {**_COMMENTS[style], **options}
    edge = options.get("decoration", _COMMENTS[style]["decoration"]).rstrip()
    p: dict[str, Any] = {
        "newline": "\n", "beginning": "", "prefix": edge, "prefix_count": 1,
        "postfix": edge, "postfix_count": 1, "end": "", **chosen,
    }  # fmt: skip
    newline, decoration = p["newline"], p["decoration"]
    body = f"{decoration}{text.replace(newline, newline + decoration)}"
    body = body.replace(f"{decoration}{newline}", f"{decoration.rstrip()}{newline}")
    beginning = f"{p['beginning']}{newline}" if p["beginning"] else ""
    prefix = "" if not p["prefix"] else p["prefix"] if p["prefix"] == newline else f"{p['prefix']}{newline}"
    postfix = newline.join(["", *([p["postfix"]] * int(p["postfix_count"]))])
    end = f"{newline}{p['end']}" if p["end"] else ""
    return f"{beginning}{prefix * int(p['prefix_count'])}{body}{postfix}{end}"


def ternary(value: Any, true_value: Any, false_value: Any, none_value: Any = None) -> Any:
    if value is None and none_value is not None:
        return none_value
    return true_value if bool(value) else false_value


def mandatory(value: Any, msg: str | None = None) -> Any:
    if not isinstance(value, Missing):
        return value
    name = f"'{value._undefined_name}' " if value._undefined_name else ""
    raise ValueError(msg or f"Mandatory variable {name}not defined.")


def to_datetime(text: str, format: str = "%Y-%m-%d %H:%M:%S") -> datetime.datetime:
    return datetime.datetime.strptime(text, format)


def strftime(form: str, second: Any = None, utc: bool = False) -> str:
    moment = float(second) if second is not None else None
    return time.strftime(form, time.gmtime(moment) if utc else time.localtime(moment))


def to_uuid(text: Any, namespace: Any = _ANSIBLE_UUIDS) -> str:
    space = namespace if isinstance(namespace, uuid.UUID) else uuid.UUID(str(namespace))
    return str(uuid.uuid5(space, str(text)))


_URL_PARTS = ["fragment", "hostname", "netloc", "password", "path", "port", "query", "scheme", "username"]


def url_split(value: str, query: str = "") -> Any:
    parts = urlsplit(value)
    if query and query not in _URL_PARTS:
        raise ValueError(f"`{query}` is not a part of an address; there are {', '.join(_URL_PARTS)}")
    return getattr(parts, query) if query else {part: getattr(parts, part) for part in _URL_PARTS}


def split(text: str, *args: Any, **kwargs: Any) -> list[str]:
    return str(text).split(*args, **kwargs)


def type_debug(value: Any) -> str:
    return type(value).__name__


FILTERS = {
    "bool": as_bool,
    "quote": quote,
    "regex_replace": regex_replace,
    "regex_findall": regex_findall,
    "regex_search": regex_search,
    "regex_escape": regex_escape,
    "comment": comment,
    "ternary": ternary,
    "mandatory": mandatory,
    "to_datetime": to_datetime,
    "strftime": strftime,
    "to_uuid": to_uuid,
    "urlsplit": url_split,
    "urldecode": unquote_plus,
    "split": split,
    "type_debug": type_debug,
}
