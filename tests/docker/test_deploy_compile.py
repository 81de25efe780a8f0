"""The way through the compile on a real machine, with a cargo of seconds: progress, faults, artifact, Ctrl-C."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.deploy import DeployOptions, deploy
from provision.model import Progress, Result, Step
from provision.settings import Folders
from tests.lab import Lab, Story, machine, needs_docker

pytestmark = [pytest.mark.docker, needs_docker, pytest.mark.timeout(900)]

HERE = Path(__file__).parent
CARGO = r"""#!/bin/sh
# Says and does what cargo does, in seconds. /srv/mood: full, memory.
[ "$1" = --version ] && { echo "cargo 1.90.0 (stand-in)"; exit; }
echo "$*" > /srv/arguments
env > /srv/environment
while [ $# -gt 0 ]; do [ "$1" = --root ] && root=$2; shift; done
echo "  Installing moshi-server v0.6.4" >&2
mkdir -p "$CARGO_TARGET_DIR/release"
for crate in 1 2 3 4 5 6 7 8 9 10 11 12; do
    printf '    Building [==>          ] %d/12: crate%d, other%d\r' $crate $crate $crate >&2
    [ $((crate % 4)) = 0 ] && printf '   Compiling crate%d v1.0.0\n' $crate >&2
    sleep 0.6
done
case $(cat /srv/mood 2>/dev/null) in
full) echo "error: failed to write libx.rlib: No space left on device (os error 28)" >&2; exit 101 ;;
memory) echo "error: could not compile candle-core (signal: 9, SIGKILL: kill)" >&2; exit 101 ;;
esac
mkdir -p "$root/bin"
echo '#include <unistd.h>
int main(int count, char **words) { return execv("/srv/stand_in_server.py", words); }' |
    cc -x c -g - -o "$root/bin/moshi-server"
echo "   Installed package moshi-server v0.6.4 (executable moshi-server)" >&2
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One machine with the stand-in cargo; the tests go on where the one before has ended."""
    place = tmp_path_factory.mktemp("compile")
    with machine("tts-1", Folders(place / "state", place / "cache", place / "config")) as made:
        server = (HERE / "stand_in_server.py").read_text()
        made.out(f"printf %s {shlex.quote(CARGO)} > /usr/local/bin/cargo; chmod 755 /usr/local/bin/cargo")
        made.out(f"printf %s {shlex.quote(server)} > /srv/stand_in_server.py; chmod 755 /srv/stand_in_server.py")
        yield made


def the_failure(story: Story) -> Result:
    [failure] = [result for result in story.results if result.status == "failed" and not result.rescued]
    assert failure.problem is not None
    return failure


def test_a_disk_too_small_is_refused_before_the_compile(lab: Lab) -> None:
    lab.out("mkdir -p /mnt/small; mount -t tmpfs -o size=50m tmpfs /mnt/small")
    failure = the_failure(lab.deploy(voice_model="tone", extra_vars={"moshi_cache_dir": "/mnt/small"}))
    assert failure.title == "moshi_build : Refuse to start what cannot be finished"
    assert failure.problem is not None and "too small to compile" in failure.problem.what
    assert not lab.run("ls /srv/arguments").stdout
    lab.out("umount /mnt/small")


@pytest.mark.parametrize(("mood", "told"), [("full", "the disk of tts-1 is full"), ("memory", "ran out of memory")])
def test_a_failed_compile_says_what_why_and_next(lab: Lab, mood: str, told: str) -> None:
    lab.out(f"echo {mood} > /srv/mood")
    failure = the_failure(lab.deploy(voice_model="tone"))
    lab.out("rm /srv/mood")
    assert failure.title == "moshi_install : Wait for the compile"
    assert failure.problem is not None
    assert told in failure.problem.what and "error: " in failure.problem.why and failure.problem.hint
    assert lab.run("ls /opt/moshi-server/bin").stdout == ""
    assert not list(lab.folders.artifacts.glob("*"))


def test_an_interrupted_compile_is_taken_up_by_a_repeat(lab: Lab) -> None:
    job = deploy(lab.name, DeployOptions((lab.inventory,), lab.folders, voice_model="tone"))
    next(event for event in job if isinstance(event, Progress))
    job.close()  # type: ignore[attr-defined]
    story = lab.deploy(voice_model="tone")
    assert story.titles("failed") == []
    assert story.data["binary"]["source"] == "compiled"
    check_progress(story)
    check_what_is_kept(lab, story)


def check_progress(story: Story) -> None:
    crates = [event for event in story.events if isinstance(event, Progress)]
    assert len(crates) >= 3
    assert [event.done for event in crates] == sorted({event.done for event in crates})
    assert {(event.total, event.unit) for event in crates} == {(12, "crates")}
    waiting = [event for event in story.events if isinstance(event, Step) and "Wait for the compile" in event.title]
    assert waiting[0].expected_s


def check_what_is_kept(lab: Lab, story: Story) -> None:
    name = story.data["binary"]["name"]
    kept = lab.folders.artifacts / name
    assert lab.out(f"sha256sum < /opt/moshi-server/bin/{name}").split()[0] == _sha256(kept)
    assert b".debug_info" not in kept.read_bytes()
    assert not {"target", "root"} & set(lab.out("ls /var/cache/provision").split())


def _sha256(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_cargo_was_told_version_lock_and_embedded_python(lab: Lab) -> None:
    words = lab.out("cat /srv/arguments").split()
    assert words[:2] == ["install", "--locked"] and words[-1] == "moshi-server@0.6.4"
    assert int(words[words.index("--jobs") + 1]) >= 1
    environment = dict(line.split("=", 1) for line in lab.out("cat /srv/environment").splitlines() if "=" in line)
    assert environment["PYO3_PYTHON"] == "/usr/bin/python3"
    assert environment["CARGO_TARGET_DIR"] == "/var/cache/provision/target"
    assert environment["CARGO_HOME"] == "/var/cache/provision/cargo"
    assert "NVCC_CCBIN" not in environment


def test_a_repeat_changes_nothing(lab: Lab) -> None:
    story = lab.deploy(voice_model="tone")
    assert story.titles("changed") == [] and story.data["binary"]["source"] == "installed"


def test_without_the_program_the_artifact_takes_its_place(lab: Lab) -> None:
    lab.out("rm /opt/moshi-server/bin/moshi-server-*")
    story = lab.deploy(voice_model="tone")
    assert story.titles("failed") == [] and story.data["binary"]["source"] == "artifact"
    assert not [event for event in story.events if isinstance(event, Progress)]


def test_ansible_compiles_as_well_and_brings_its_artifact(lab: Lab, tmp_path: Path) -> None:
    """The same roles, the other engine."""
    lab.out("rm /opt/moshi-server/bin/moshi-server-*")
    extra: dict[str, Any] = {"moshi_hosts": lab.name, "moshi_artifact_dir": str(tmp_path), "moshi_voice_model": "tone"}
    from provision import shipped

    recap = lab.ansible(str(shipped.folder("playbooks") / "deploy-native.yml"), "-e", json.dumps(extra))
    assert recap.count("failed") == 0, recap.text
    [artifact] = tmp_path.iterdir()
    assert _sha256(artifact) == lab.out(f"sha256sum < /opt/moshi-server/bin/{artifact.name}").split()[0]
    assert lab.deploy(voice_model="tone").titles("changed") == []
