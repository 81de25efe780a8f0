"""Contents on their way: asked for once, ahead of need, in memory or beside their place."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from provision.agent import contents as module
from provision.agent.contents import Contents, Wanted
from provision.agent.errors import Failed, Stopped
from provision.agent.stop import Stop
from provision.agent.temporary import Temporary
from provision.agent.wire import Blob


def want(data: bytes) -> Wanted:
    return Wanted(hashlib.sha256(data).hexdigest(), len(data))


class Controller:
    """Sends what it is asked for, and notes the order of the questions."""

    def __init__(self, *files: bytes) -> None:
        self.files = {want(data).digest: data for data in files}
        self.asked: list[int] = []
        self.temporary = Temporary()
        self.contents = Contents(self.temporary)
        self.stop = Stop()

    def ask(self, wanted: Wanted) -> None:
        data = self.files[wanted.digest]
        self.asked.append(len(data))
        threading.Thread(target=self.send, args=(wanted.digest, data)).start()

    def send(self, digest: str, data: bytes) -> None:
        for start in range(0, len(data), 1 << 18):
            self.contents.receive(Blob(digest, start, data[start : start + (1 << 18)]))
        self.contents.finish(digest)

    def read(self, data: bytes) -> bytes:
        return self.contents.read(want(data), self.ask, self.stop)

    def files_in(self, folder: Path, *files: bytes) -> list[str]:
        wants = [(want(data), str(folder)) for data in files]
        return list(self.contents.files(wants, self.ask, self.stop))


def test_a_content_is_asked_for_once_and_kept() -> None:
    controller = Controller(b"abc")
    assert controller.read(b"abc") == b"abc"
    assert controller.read(b"abc") == b"abc"
    assert controller.asked == [3]


def test_nothing_is_asked_for_an_empty_content(tmp_path: Path) -> None:
    controller = Controller()
    assert controller.read(b"") == b""
    assert Path(controller.files_in(tmp_path, b"")[0]).read_bytes() == b""


def test_a_large_content_goes_into_a_file_beside_its_place(tmp_path: Path) -> None:
    data = b"large" * 500_000
    controller = Controller(data)
    [path] = controller.files_in(tmp_path, data)
    assert Path(path).parent == tmp_path and Path(path).read_bytes() == data
    assert Path(path).stat().st_mode & 0o777 == 0o600


def test_a_large_content_can_be_read_into_memory_and_leaves_no_file() -> None:
    data = b"large" * 500_000
    controller = Controller(data)
    assert controller.read(data) == data
    assert controller.temporary._paths == set()


def test_many_files_are_all_asked_for_before_the_first_is_needed(tmp_path: Path) -> None:
    files = [b"%03d" % number for number in range(200)]
    controller = Controller(*files)

    def ask(wanted: Wanted) -> None:
        controller.asked.append(wanted.size)
        if len(controller.asked) == len(files):
            threading.Thread(target=lambda: [controller.send(want(one).digest, one) for one in files]).start()

    arriving = controller.contents.files([(want(one), str(tmp_path)) for one in files], ask, controller.stop)
    first = next(arriving)
    assert Path(first).read_bytes() == b"000"
    assert len(controller.asked) == 200
    assert [Path(path).read_bytes() for path in arriving] == files[1:]


def test_more_than_memory_holds_is_asked_for_in_portions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AHEAD", 3000)
    monkeypatch.setattr(module, "KEPT", 5000)
    files = [bytes([number]) * 1000 for number in range(30)]
    controller = Controller(*files)
    wants = [(want(one), str(tmp_path)) for one in files]
    arriving = controller.contents.files(wants, controller.ask, controller.stop)
    next(arriving)
    assert len(controller.asked) == 3
    assert [Path(path).read_bytes() for path in arriving] == files[1:]


def test_the_same_content_in_two_places(tmp_path: Path) -> None:
    large = b"large" * 500_000
    controller = Controller(large, b"small")
    paths = controller.files_in(tmp_path, large, b"small", large, b"small")
    assert [Path(path).read_bytes() for path in paths] == [large, b"small", large, b"small"]
    assert len(set(paths)) == 4


def test_what_nobody_asked_for_and_is_large_is_let_go_and_asked_for_later(tmp_path: Path) -> None:
    data = b"large" * 500_000
    controller = Controller(data)
    controller.send(want(data).digest, data)
    assert controller.asked == []
    assert controller.read(data) == data
    assert controller.asked == [len(data)]


def test_a_piece_out_of_order_fails_the_task() -> None:
    controller = Controller(b"abcdef")

    def ask(wanted: Wanted) -> None:
        controller.contents.receive(Blob(wanted.digest, 3, b"def"))
        controller.contents.finish(wanted.digest)

    with pytest.raises(Failed, match="offset 3"):
        controller.contents.read(want(b"abcdef"), ask, controller.stop)


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    data = b"large" * 500_000
    controller = Controller(data)

    def ask(wanted: Wanted) -> None:
        controller.contents.receive(Blob(wanted.digest, 0, b"x"))
        incoming = controller.contents._incoming[wanted.digest]
        assert incoming._file is not None
        incoming._file.close()
        incoming._file = open("/dev/full", "wb", buffering=0)  # noqa: SIM115
        controller.contents.receive(Blob(wanted.digest, 1, data[1:]))
        controller.contents.finish(wanted.digest)

    with pytest.raises(Failed, match="No space left on device"):
        next(controller.contents.files([(want(data), str(tmp_path))], ask, controller.stop))
    assert list(tmp_path.iterdir()) == []


def test_waiting_ends_when_it_is_stopped() -> None:
    controller = Controller()
    threading.Timer(0.05, controller.stop.now, ["cancelled"]).start()
    with pytest.raises(Stopped, match="cancelled"):
        controller.contents.read(Wanted("00" * 32, 5), lambda wanted: None, controller.stop)


def test_temporary_files_are_known_and_cleaned(tmp_path: Path) -> None:
    temporary = Temporary()
    kept = temporary.make(str(tmp_path), suffix=".service")
    temporary.make(str(tmp_path))
    assert kept.endswith(".service")
    temporary.moved(kept)
    temporary.clean()
    assert [str(path) for path in tmp_path.iterdir()] == [kept]


def test_a_folder_that_takes_no_files_is_an_error_and_nothing_is_remembered() -> None:
    temporary = Temporary()
    with pytest.raises(OSError, match="No such file"):
        temporary.make("/no/such/folder")
    assert temporary._paths == set()
