"""Files on their way: what copy, template, fetch and unarchive send, and what they do with the answer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from provision.engine import contents
from provision.engine.contents import SENT_AHEAD
from provision.errors import ProvisionError

from .conftest import Lab, results


def last(lab: Lab) -> Mapping[str, Any]:
    return lab.machine().ran[-1][1]


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_content_knows_its_digest_wherever_it_lies(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    here, there = contents.of_bytes(b"abc"), contents.of_file(tmp_path / "f")
    assert (here.digest, here.size) == (there.digest, there.size) == (sha(b"abc"), 3)
    assert b"".join(here.pieces()) == b"".join(there.pieces()) == b"abc"


def test_large_content_comes_in_pieces(tmp_path: Path) -> None:
    data = bytes(range(256)) * 3000
    (tmp_path / "big").write_bytes(data)
    for content in (contents.of_bytes(data), contents.of_file(tmp_path / "big")):
        pieces = list(content.pieces())
        assert len(pieces) == 3
        assert b"".join(pieces) == data
        assert not content.small


def test_copy_names_the_content_and_keeps_the_other_arguments(lab: Lab) -> None:
    lab.write("files/motd", "hi\n")
    lab.tasks("- copy: {src: motd, dest: /etc/motd, mode: '0644', owner: root}")
    assert last(lab)["_content"] == {"digest": sha(b"hi\n"), "size": 3}
    assert (last(lab)["dest"], last(lab)["mode"], last(lab)["owner"]) == ("/etc/motd", "0644", "root")
    assert last(lab)["_original_basename"] == "motd"
    assert "src" not in last(lab)


def test_inline_content_that_is_a_structure_is_written_as_json(lab: Lab) -> None:
    lab.tasks("- copy: {content: {a: 1}, dest: /x}")
    assert lab.machine().contents[last(lab)["_content"]["digest"]] == b'{"a": 1}'


def test_remote_src_stays_on_the_target(lab: Lab) -> None:
    lab.tasks("- copy: {src: /etc/hosts, dest: /x, remote_src: true}")
    assert last(lab)["src"] == "/etc/hosts"
    assert "_content" not in last(lab)


def test_mode_preserve_sends_the_mode_of_the_source(lab: Lab) -> None:
    lab.write("files/run.sh", "#!/bin/sh\n").chmod(0o750)
    lab.tasks("- copy: {src: run.sh, dest: /x, mode: preserve}")
    assert last(lab)["_source_mode"] == "0750"


@pytest.mark.parametrize(("source", "paths"), [("tree", ["tree/a", "tree/sub/b"]), ("tree/", ["a", "sub/b"])])
def test_a_folder_travels_as_one_call_with_all_digests(lab: Lab, source: str, paths: list[str]) -> None:
    lab.write("files/tree/a", "A")
    lab.write("files/tree/sub/b", "B")
    lab.tasks(f"- copy: {{src: {source}, dest: /opt/}}")
    files = {entry["path"]: entry["digest"] for entry in last(lab)["_tree"] if entry.get("kind", "file") == "file"}
    assert files == {paths[0]: sha(b"A"), paths[1]: sha(b"B")}
    assert lab.machine().names() == ["copy"]


def test_a_large_file_travels_only_when_it_is_asked_for(lab: Lab) -> None:
    lab.write("files/big", "x" * (SENT_AHEAD + 1))
    lab.tasks("- copy: {src: big, dest: /x}")
    assert lab.machine().contents == {}


def test_what_the_agent_asks_for_is_sent(lab: Lab) -> None:
    data = "y" * (SENT_AHEAD + 1)
    lab.write("files/big", data)
    lab.machine().modules = {"copy": lambda args: {"_needs": [args["_content"]["digest"]]}}
    lab.tasks("- copy: {src: big, dest: /x}")
    assert lab.machine().contents == {sha(data.encode()): data.encode()}


def test_a_file_that_vanishes_before_it_travels_fails_its_task_instead_of_hanging(lab: Lab) -> None:
    path = lab.write("files/big", "z" * (SENT_AHEAD + 1))

    def asks_for_it(args: Mapping[str, Any]) -> dict[str, Any]:
        path.unlink()
        return {"_needs": [args["_content"]["digest"]]}

    lab.machine().modules = {"copy": asks_for_it}
    lab.tasks("- copy: {src: big, dest: /x}")
    assert lab.machine().refusals == {
        sha(b"z" * (SENT_AHEAD + 1)): f"{path} on this machine: No such file or directory"
    }


def test_what_cannot_be_read_here_fails_the_task_with_the_reason(lab: Lab) -> None:
    (lab.folder / "files").mkdir()
    (lab.folder / "files/loop").symlink_to("loop")
    with pytest.raises(ProvisionError, match="cannot read"):
        contents.of_file(lab.folder / "files/loop")


def test_a_content_that_nobody_offered_is_refused_by_name(lab: Lab) -> None:
    lab.machine().modules = {"copy": lambda args: {"_needs": ["ab" * 32]}}
    lab.tasks("- copy: {content: x, dest: /x}")
    assert lab.machine().refusals == {"ab" * 32: "the controller has no such content"}


def test_a_template_is_rendered_here(lab: Lab) -> None:
    lab.write("templates/site.conf.j2", "port={{ port }}\n{% if tls %}\ntls\n{% endif %}\nend\n")
    lab.tasks("- template: {src: site.conf.j2, dest: /etc/site.conf}\n  vars: {port: 8080, tls: true}")
    assert lab.machine().contents[last(lab)["_content"]["digest"]] == b"port=8080\ntls\nend\n"


def test_arguments_that_steer_rendering_stay_here(lab: Lab) -> None:
    lab.write("templates/t", "[[ x ]]")
    lab.tasks("- template: {src: t, dest: /x, variable_start_string: '[[', variable_end_string: ']]'}\n  vars: {x: 1}")
    assert lab.machine().contents[last(lab)["_content"]["digest"]] == b"1"
    assert not [name for name in last(lab) if name.endswith("_string")]


def test_an_undefined_variable_in_a_template_names_the_file(lab: Lab) -> None:
    lab.write("templates/t", "{{ nowhere }}")
    problem = results(lab.tasks("- template: {src: t, dest: /x}"))[0].problem
    assert problem is not None
    assert "nowhere" in problem.why and "templates/t" in problem.why


def test_a_local_archive_travels_and_a_remote_one_does_not(lab: Lab) -> None:
    lab.write("files/a.tar", "tar")
    lab.machine().modules = {"unarchive": lambda args: {"changed": True}}
    lab.tasks("- unarchive: {src: a.tar, dest: /opt}")
    assert last(lab)["_content"]["digest"] == sha(b"tar")
    lab.tasks("- unarchive: {src: /tmp/a.tar, dest: /opt, remote_src: true}")
    assert "_content" not in last(lab)


def test_the_body_of_a_request_may_be_a_local_file(lab: Lab) -> None:
    lab.write("files/body.json", "{}")
    lab.machine().modules = {"uri": lambda args: {"status": 200}}
    lab.tasks("- uri: {url: 'http://x/', method: POST, src: body.json}")
    assert last(lab)["_content"]["digest"] == sha(b"{}") and "src" not in last(lab)
    lab.tasks("- uri: {url: 'http://x/', method: POST, src: /tmp/b, remote_src: true}")
    assert last(lab)["src"] == "/tmp/b"


class TestFetch:
    """A file comes from the target, whole or not at all."""

    @staticmethod
    def answer(data: bytes, lie: str = "") -> dict[str, Any]:
        return {"exists": True, "digest": lie or sha(data), "_blobs": [(sha(data), data)]}

    def test_it_is_written_under_host_and_path(self, lab: Lab) -> None:
        lab.machine().modules = {"fetch": lambda args: self.answer(b"hosts")}
        events = lab.tasks("- fetch: {src: /etc/hosts, dest: got}")
        assert (lab.folder / "got/web1/etc/hosts").read_bytes() == b"hosts"
        assert results(events)[0].status == "changed"

    def test_flat_writes_just_there(self, lab: Lab) -> None:
        lab.machine().modules = {"fetch": lambda args: self.answer(b"hosts")}
        lab.tasks("- fetch: {src: /etc/hosts, dest: got/, flat: true}")
        assert (lab.folder / "got/hosts").read_bytes() == b"hosts"

    def test_an_equal_file_is_not_sent_again(self, lab: Lab) -> None:
        lab.write("got/hosts", "hosts")
        lab.machine().modules = {"fetch": lambda args: {"exists": True, "digest": args["_have_digest"]}}
        assert results(lab.tasks("- fetch: {src: /etc/hosts, dest: got/, flat: true}"))[0].status == "ok"

    def test_a_file_that_changed_on_the_way_leaves_nothing(self, lab: Lab) -> None:
        lab.machine().modules = {"fetch": lambda args: self.answer(b"half", lie=sha(b"whole"))}
        found = results(lab.tasks("- fetch: {src: /etc/hosts, dest: got/, flat: true}"))
        assert found[0].status == "failed"
        assert list((lab.folder / "got").iterdir()) == []

    def test_an_empty_file_arrives_too(self, lab: Lab) -> None:
        lab.machine().modules = {"fetch": lambda args: {"exists": True, "digest": sha(b"")}}
        lab.tasks("- fetch: {src: /etc/empty, dest: got/, flat: true}")
        assert (lab.folder / "got/empty").read_bytes() == b""

    def test_a_missing_file_that_may_be_missing_changes_nothing(self, lab: Lab) -> None:
        lab.machine().modules = {"fetch": lambda args: {"exists": False, "msg": "the remote file does not exist"}}
        events = lab.tasks("- fetch: {src: /etc/none, dest: got/, flat: true, fail_on_missing: false}")
        assert results(events)[0].status == "ok"
        assert not (lab.folder / "got").exists()
