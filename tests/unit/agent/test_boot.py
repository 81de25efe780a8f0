"""How the agent travels: all of it, small, in syntax that old targets understand, with the standard library alone."""

from __future__ import annotations

import ast
import json
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from provision.agent import boot

AGENT = Path(boot.__file__).parent
FILES = sorted(AGENT.rglob("*.py"))


def payload() -> dict[str, str]:
    code, data = boot.bootstrap()
    assert code == boot.BOOT
    assert int.from_bytes(data[:4], "big") == len(data) - 4
    sources: dict[str, str] = json.loads(zlib.decompress(data[4:]))
    return sources


def meaning(source: str) -> str:
    """The syntax tree without docstrings; lines count, because tracebacks name them."""
    module = ast.parse(source)
    for node in ast.walk(module):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            is_text = [isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant) for one in body]
            node.body = [one for one, text in zip(body, is_text) if not text]  # type: ignore[attr-defined]
    lines = {getattr(node, "lineno", 0) for node in ast.walk(module) if isinstance(node, ast.stmt)}
    return f"{sorted(lines)} {ast.dump(module)}"


def test_every_module_travels_with_its_packages() -> None:
    sources = payload()
    for path in FILES:
        name = ".".join(path.relative_to(AGENT.parents[1]).with_suffix("").parts).removesuffix(".__init__")
        if name != "provision.agent.known":
            assert meaning(sources[name]) == meaning(path.read_text()), name
            compile(sources[name], name, "exec", dont_inherit=True)
    assert "provision" in sources and "provision.cli" not in sources


def test_the_whole_agent_is_some_tens_of_kilobytes() -> None:
    assert len(boot.bootstrap()[1]) < 80 * 1024


def test_it_is_the_same_every_time() -> None:
    assert boot.bootstrap() is boot.bootstrap()
    assert boot.compressed(boot.sources()) == boot.compressed(boot.sources())


@pytest.mark.parametrize("path", [*FILES, None], ids=str)
def test_sources_are_python_3_8(path: Path | None) -> None:
    ast.parse(path.read_text() if path else boot.BOOT, feature_version=(3, 8))


@pytest.mark.parametrize("path", FILES, ids=str)
def test_only_the_standard_library_is_imported(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            root = name.partition(".")[0]
            assert root in sys.stdlib_module_names or name == "provision" or name.startswith("provision.agent"), name


NEWER = {
    "removeprefix": "3.9",
    "removesuffix": "3.9",
    "is_relative_to": "3.9",
    "randbytes": "3.9",
    "pidfd_open": "3.9",
    "readlink_to": "3.9",
    "pairwise": "3.10",
    "bit_count": "3.10",
}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_no_call_is_newer_than_python_3_8(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            assert node.attr not in NEWER, f"{path}:{node.lineno}"
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            assert not isinstance(node.left, (ast.Dict, ast.DictComp)), f"{path}:{node.lineno}: dict | dict is 3.9"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_types_outside_annotations_are_those_of_python_3_8(path: Path) -> None:
    """`list[int]` and `X | Y` in an alias or a base class would be evaluated, and fail there."""
    module = ast.parse(path.read_text())
    for node in ast.walk(module):
        if not isinstance(node, ast.Assign):
            continue
        for part in ast.walk(node.value):
            if isinstance(part, ast.Subscript) and isinstance(part.value, ast.Name):
                assert part.value.id not in ("list", "dict", "tuple", "set", "frozenset"), f"{path}:{node.lineno}"


@pytest.mark.parametrize("path", [path for path in FILES if path.read_text().strip()], ids=str)
def test_annotations_are_not_evaluated(path: Path) -> None:
    if path.name == "__init__.py":
        return
    assert "from __future__ import annotations" in path.read_text()


def test_modules_are_imported_from_memory_lazily(monkeypatch: pytest.MonkeyPatch) -> None:
    """The finder of BOOT, run here on sources of our own."""
    sources = {"pretended": "", "pretended.inner": "VALUE = 5", "pretended.broken": "1/0"}
    data = boot.compressed(sources)
    text = boot.BOOT.split("sys.meta_path.insert")[0].replace("os.read(0, count - len(data))", "take(count)")
    pieces = [len(data).to_bytes(4, "big"), data]
    space: dict[str, Any] = {"take": lambda count: pieces.pop(0)}
    exec(text, space)
    finder = space["ProvisionSources"]()
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    try:
        import pretended.inner as inner  # type: ignore[import-not-found]

        assert inner.VALUE == 5
        assert boot._payload_in_memory() == data
        assert finder.get_source("pretended.inner") == "VALUE = 5"
        assert "pretended.broken" not in sys.modules
    finally:
        for name in [name for name in sys.modules if name.startswith("pretended")]:
            del sys.modules[name]
