"""Picks the view that the operator asked for, and imports no other."""

from __future__ import annotations

from typing import TextIO

from provision.views.view import Look, View


def open_view(look: Look, command: str, stdout: TextIO, stderr: TextIO) -> View:
    """The view for this look: data goes to `stdout`, the story to `stderr`."""
    match look.format:
        case "json":
            from provision.views.jsonlines import JsonLines

            return JsonLines(stdout, quiet=look.quiet)
        case "human":
            from provision.views.human import HumanView  # rich costs 0.1 s: only where somebody looks

            return HumanView(look, command, stdout, stderr)
        case "plain":
            from provision.views.plain import PlainView

            return PlainView(look, command, stdout, stderr)
