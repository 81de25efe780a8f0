"""The few lines of Python that roles run on a host, run here."""

from __future__ import annotations

import array
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from provision import shipped

ROLES = shipped.folder("playbooks") / "roles"


def code_of(role: str, task_name: str) -> str:
    """The text behind `-c` of a task."""
    waiting: list[dict[str, Any]] = yaml.safe_load((ROLES / role / "tasks" / "main.yml").read_text())
    while waiting:
        task = waiting.pop()
        if task.get("name") == task_name:
            argv: list[str] = task["ansible.builtin.command"]["argv"]
            return argv[argv.index("-c") + 1]
        waiting += task.get("block", [])
    raise AssertionError(f"{role} has no task {task_name}")


def run(code: str, *arguments: str) -> None:
    old = sys.argv
    sys.argv = ["-c", *arguments]
    try:
        exec(compile(code, "snippet", "exec"), {"__name__": "__main__"})
    finally:
        sys.argv = old


def wav(samples: list[int]) -> bytes:
    """As the server streams it: sizes unknown, therefore all ones."""
    header = b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(20) + b"data\xff\xff\xff\xff"
    return header + array.array("h", samples).tobytes()


def listen(path: Path, content: bytes) -> int:
    path.write_bytes(content)
    with pytest.raises(SystemExit) as ended:
        run(code_of("moshi_speaks", "Listen to it"), str(path))
    return int(ended.value.code or 0)


def test_sound_is_heard(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert listen(tmp_path / "a.wav", wav([0, 8000, -9000] * 8000)) == 0
    assert capsys.readouterr().out == "1.00 s of sound, loudest sample 9000\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"RIFF",
        wav([]),
        wav([9000] * 100),
        wav([3, -3] * 24000),
        b"<html>" + bytes(90_000),
    ],
    ids=["nothing", "half a header", "no samples", "too short", "silence", "no wav"],
)
def test_what_is_no_speech_is_not_taken_for_it(tmp_path: Path, content: bytes) -> None:
    assert listen(tmp_path / "a.wav", content) != 0


def test_half_a_sample_at_the_end_is_no_trouble(tmp_path: Path) -> None:
    assert listen(tmp_path / "a.wav", wav([0, 8000] * 12000) + b"\x01") == 0


def test_the_sound_does_not_stay_on_the_host(tmp_path: Path) -> None:
    listen(tmp_path / "a.wav", wav([9000] * 24000))
    assert not (tmp_path / "a.wav").exists()


def test_the_host_tells_what_the_roles_read(capsys: pytest.CaptureFixture[str]) -> None:
    run(code_of("moshi_facts", "Look at Python, glibc and the size of the machine"))
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"python", "libdir", "glibc", "machine", "cpus", "memory_mb"}
    assert told["python"] == f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert told["cpus"] >= 1 and told["memory_mb"] > 100


def test_what_the_roles_read_is_told_by_the_host() -> None:
    import re

    text = "".join(path.read_text() for path in ROLES.rglob("*.yml"))
    text += "".join(path.read_text() for path in shipped.folder("templates").rglob("*.j2"))
    assert set(re.findall(r"\bmoshi_host\.(\w+)", text)) <= {
        "python",
        "libdir",
        "glibc",
        "machine",
        "cpus",
        "memory_mb",
    }
