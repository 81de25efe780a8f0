"""get_url and uri against a small server on loopback that can be wrong, slow, or hang up."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from provision.agent.modules.get_url import checksum_in
from tests.unit.agent.fakes import a_target, run, tree

DATA = b"the file\n" * 1000
SHA = hashlib.sha256(DATA).hexdigest()


class Handler(BaseHTTPRequestHandler):
    seen: ClassVar[list[tuple[str, str, dict[str, str], bytes]]] = []

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.seen.append((self.command, self.path, headers, body))
        getattr(
            self, "at_" + self.path.strip("/").partition("?")[0].replace(".", "_").replace("/", "_"), self.at_none
        )()

    do_HEAD = do_POST = do_PUT = do_GET

    def answer(self, status: int, data: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def at_none(self) -> None:
        self.answer(404, b"nothing here")

    def at_file_bin(self) -> None:
        if self.headers.get("If-Modified-Since"):
            self.answer(304)
        else:
            self.answer(200, DATA)

    def at_sums(self) -> None:
        self.answer(200, f"{'0' * 64}  other\n{SHA} *file.bin\n".encode())

    def at_named(self) -> None:
        self.answer(200, DATA, Content_Disposition='attachment; filename="named.bin"')

    def at_moved(self) -> None:
        self.answer(302, b"", Location="/file.bin")

    def at_short(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(b"only this")
        self.close_connection = True

    def at_json(self) -> None:
        self.answer(200, b'{"a": [1]}', Content_Type="application/json; charset=utf-8", Set_Cookie="k=v; Path=/")

    def at_liar(self) -> None:
        self.answer(200, b"<html>", Content_Type="application/json")

    def at_zipped(self) -> None:
        self.answer(200, gzip.compress(b"text"), Content_Encoding="gzip")

    def at_echo(self) -> None:
        self.answer(200, json.dumps(self.seen[-1][2]).encode(), Content_Type="application/json")

    def at_locked(self) -> None:
        if self.headers.get("Authorization") == "Basic YW5uOnNlY3JldA==":
            self.answer(200, b"in")
        else:
            self.answer(401, b"", WWW_Authenticate='Basic realm="x"')

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    Handler.seen.clear()
    monkeypatch.setenv("NETRC", "/no/such")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def fetch(address: str, dest: Path | str, **args: Any) -> dict[str, Any]:
    target = a_target(check=args.pop("check", False))
    return run("get_url", {"url": address, "dest": str(dest), **args}, target)


def test_a_file_arrives_with_its_mode(url: str, tmp_path: Path) -> None:
    result = fetch(f"{url}/file.bin", tmp_path / "x", mode="0600")
    assert tree(tmp_path) == {"x": ("file", "0600", DATA.decode())}
    assert (result["changed"], result["status_code"], result["msg"]) == (True, 200, f"OK ({len(DATA)} bytes)")
    assert result["checksum_src"] == hashlib.sha1(DATA).hexdigest() and result["checksum_dest"] is None


def test_a_server_that_says_not_modified_is_believed(url: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"whatever")
    result = fetch(f"{url}/file.bin", tmp_path / "x")
    assert (result["changed"], result["status_code"]) == (False, 304)
    assert Handler.seen[0][2]["if-modified-since"].endswith("GMT")


def test_force_asks_for_the_whole_file_and_the_same_bytes_are_no_change(url: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(DATA)
    assert fetch(f"{url}/file.bin", tmp_path / "x", force=True)["changed"] is False
    assert Handler.seen[0][2]["cache-control"] == "no-cache"
    (tmp_path / "x").write_bytes(b"other")
    result = fetch(f"{url}/file.bin", tmp_path / "x", force=True, backup=True)
    assert result["changed"] is True and Path(result["backup_file"]).read_bytes() == b"other"


def test_a_file_with_the_right_checksum_is_not_asked_for(url: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(DATA)
    result = fetch(f"{url}/file.bin", tmp_path / "x", checksum=f"sha256:{SHA}")
    assert result["changed"] is False and Handler.seen == []
    assert fetch(f"{url}/file.bin", tmp_path / "x", checksum=f"sha256:{SHA.upper()}", mode="0600")["changed"] is True


def test_a_file_with_another_checksum_is_fetched_and_checked(url: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"old")
    assert fetch(f"{url}/file.bin", tmp_path / "x", checksum=f"sha256:{SHA}")["changed"] is True
    result = fetch(f"{url}/file.bin", tmp_path / "y", checksum="sha256:" + "0" * 64)
    assert result["failed"] and "did not match" in result["msg"]
    assert sorted(tree(tmp_path)) == ["x"]


def test_checksums_may_stand_in_a_file_of_the_server(url: str, tmp_path: Path) -> None:
    assert fetch(f"{url}/file.bin", tmp_path / "x", checksum=f"sha256:{url}/sums")["changed"] is True
    result = fetch(f"{url}/named", tmp_path / "y", checksum=f"sha256:{url}/sums")
    assert "Unable to find a checksum for file 'named'" in result["msg"]


@pytest.mark.parametrize(
    ("text", "found"),
    [("abc\n", "abc"), ("abc  f\n", "abc"), ("abc *f\n", "abc"), ("abc  ./f\n", "abc"), ("abc  g\n", None), ("", None)],
)
def test_files_of_checksums(text: str, found: str | None) -> None:
    assert checksum_in(text, "f") == found


@pytest.mark.parametrize("checksum", ["abc", "sha256:not hexadecimal", "nothing:abc"])
def test_what_is_no_checksum_is_told(url: str, tmp_path: Path, checksum: str) -> None:
    assert fetch(f"{url}/file.bin", tmp_path / "x", checksum=checksum)["failed"] is True
    assert tree(tmp_path) == {}


def test_a_folder_takes_the_name_from_the_server_or_the_address(url: str, tmp_path: Path) -> None:
    fetch(f"{url}/named", tmp_path)
    fetch(f"{url}/moved", tmp_path)
    assert sorted(tree(tmp_path)) == ["file.bin", "named.bin"]


def test_a_download_that_breaks_off_leaves_nothing(url: str, tmp_path: Path) -> None:
    result = fetch(f"{url}/short", tmp_path / "x")
    assert result["failed"] and "broke off" in result["msg"]
    assert tree(tmp_path) == {}


def test_what_is_not_there_is_told_with_the_servers_words(url: str, tmp_path: Path) -> None:
    result = fetch(f"{url}/nothing", tmp_path / "x")
    assert (result["failed"], result["status_code"], result["response"]) == (True, 404, "HTTP Error 404: Not Found")


def test_a_server_that_does_not_answer_is_told(tmp_path: Path) -> None:
    assert "Connection refused" in fetch("http://127.0.0.1:9/x", tmp_path / "x")["msg"]
    assert fetch("rubbish", tmp_path / "x")["failed"] is True


def test_a_destination_without_folder_is_told_before_anything_is_asked(url: str, tmp_path: Path) -> None:
    result = fetch(f"{url}/file.bin", tmp_path / "no" / "x")
    assert "does not exist" in result["msg"] and Handler.seen == []


def test_check_mode_asks_for_the_head_alone(url: str, tmp_path: Path) -> None:
    result = fetch(f"{url}/file.bin", tmp_path / "x", check=True)
    assert result["changed"] is True and Handler.seen[0][0] == "HEAD" and tree(tmp_path) == {}


def test_another_folder_for_the_download(url: str, tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    fetch(f"{url}/file.bin", tmp_path / "x", tmp_dest=str(tmp_path / "scratch"))
    assert sorted(tree(tmp_path)) == ["scratch", "x"]


def ask(address: str, **args: Any) -> dict[str, Any]:
    return run("uri", {"url": address, **args})


def test_an_answer_in_json_is_read(url: str) -> None:
    result = ask(f"{url}/json")
    assert (result["json"], result["status"], result["changed"]) == ({"a": [1]}, 200, False)
    assert result["cookies"] == {"k": "v"} and result["content_type"] == "application/json; charset=utf-8"
    assert "content" not in result
    assert ask(f"{url}/json", return_content=True)["content"] == '{"a": [1]}'


def test_a_server_that_says_json_and_sends_something_else(url: str) -> None:
    result = ask(f"{url}/liar")
    assert "json" not in result and result["status"] == 200


def test_an_unexpected_status_fails_with_the_answer_in_it(url: str) -> None:
    result = ask(f"{url}/nothing")
    assert (result["failed"], result["status"], result["content"]) == (True, 404, "nothing here")
    assert result["msg"] == "Status code was 404 and not [200]: HTTP Error 404: Not Found"
    assert "failed" not in ask(f"{url}/nothing", status_code="200,404")


@pytest.mark.parametrize(
    ("args", "body", "kind"),
    [
        ({"body": {"a": 1}, "body_format": "json"}, b'{"a": 1}', "application/json"),
        ({"body": '{"a":1}', "body_format": "json"}, b'{"a":1}', "application/json"),
        (
            {"body": {"a": "x y", "b": [1, 2]}, "body_format": "form-urlencoded"},
            b"a=x+y&b=1&b=2",
            "application/x-www-form-urlencoded",
        ),
        ({"body": [["a", "1"]], "body_format": "form-urlencoded"}, b"a=1", "application/x-www-form-urlencoded"),
        ({"body": "plain"}, b"plain", "application/x-www-form-urlencoded"),
        ({"body": "plain", "headers": {"Content-Type": "text/x"}}, b"plain", "text/x"),
    ],
)
def test_bodies(url: str, args: dict[str, Any], body: bytes, kind: str) -> None:
    ask(f"{url}/echo", method="post", **args)
    method, _, headers, sent = Handler.seen[0]
    assert (method, sent, headers["content-type"]) == ("POST", body, kind)


def test_a_form_with_a_file(url: str, tmp_path: Path) -> None:
    (tmp_path / "up.txt").write_text("content of the file")
    body = {"field": "value", "file": {"filename": str(tmp_path / "up.txt"), "multipart_encoding": "7or8bit"}}
    ask(f"{url}/echo", method="POST", body=body, body_format="form-multipart")
    _, _, headers, sent = Handler.seen[0]
    assert headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'name="field"\r\n\r\nvalue\r\n' in sent
    assert b'name="file"; filename="up.txt"\r\nContent-Type: text/plain\r\n\r\ncontent of the file\r\n' in sent


def test_a_file_as_body(url: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"file body")
    ask(f"{url}/echo", method="PUT", src=str(tmp_path / "x"), remote_src=True)
    assert Handler.seen[0][3] == b"file body"


@pytest.mark.parametrize(
    ("follow", "method", "status"),
    [
        ("safe", "GET", 200),
        ("safe", "POST", 302),
        ("all", "POST", 200),
        ("none", "GET", 302),
        ("yes", "GET", 200),
        ("no", "GET", 302),
    ],
)
def test_redirects(url: str, follow: str, method: str, status: int) -> None:
    result = ask(f"{url}/moved", follow_redirects=follow, method=method, status_code=[200, 302])
    assert result["status"] == status and result["redirected"] is (status == 200)


def test_credentials(url: str) -> None:
    secret = {"url_username": "ann", "url_password": "secret"}
    assert ask(f"{url}/locked", **secret)["status"] == 200
    assert len(Handler.seen) == 2
    assert ask(f"{url}/locked", **secret, force_basic_auth=True)["status"] == 200
    assert len(Handler.seen) == 3
    assert ask(f"{url}/locked")["status"] == 401
    assert ask(url.replace("//", "//ann:secret@") + "/locked")["status"] == 200


def test_credentials_from_netrc(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert ask(f"{url}/locked")["status"] == 200
    assert ask(f"{url}/locked", use_netrc=False)["status"] == 401


def test_a_compressed_answer_is_unpacked_unless_told_otherwise(url: str) -> None:
    assert ask(f"{url}/zipped", return_content=True)["content"] == "text"
    assert ask(f"{url}/zipped", return_content=True, decompress=False)["content"] != "text"


def test_an_answer_can_be_kept_as_a_file(url: str, tmp_path: Path) -> None:
    result = ask(f"{url}/file.bin", dest=str(tmp_path))
    assert (result["changed"], result["path"]) == (True, str(tmp_path / "file.bin"))
    assert ask(f"{url}/file.bin", dest=str(tmp_path / "file.bin"))["changed"] is False


def test_nothing_is_asked_when_creates_is_there(url: str, tmp_path: Path) -> None:
    assert ask(f"{url}/json", creates=str(tmp_path))["changed"] is False
    assert ask(f"{url}/json", removes=str(tmp_path / "none"))["changed"] is False
    assert Handler.seen == []


def test_a_proxy_of_the_environment_is_used_unless_told_otherwise(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", url)
    monkeypatch.delenv("no_proxy", raising=False)
    assert ask("http://elsewhere.invalid/json", status_code=[200, 404])["status"] == 404  # the proxy itself answers
    assert Handler.seen[0][1] == "http://elsewhere.invalid/json"
    result = ask("http://elsewhere.invalid/json", use_proxy=False)
    assert result["failed"] and "resolve" in result["msg"]
    assert os.environ["http_proxy"] == url
