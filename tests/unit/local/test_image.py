"""How the machine image comes to be: with a registry, without one, once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from provision.errors import ProvisionError
from provision.local import image
from provision.local.image import Recipe, ensure
from provision.local.mirrors import Mirrors, of_this_computer
from tests.unit.local.fake_engine import FakeEngine

RECIPE = Recipe(Mirrors("http://mirror.example/debian", "http://mirror.example/security"))


def build(engine: FakeEngine, folder: Path, recipe: Recipe = RECIPE) -> list[image.Progress]:
    return list(ensure(engine, recipe, folder / "build", threading.Event()))


@pytest.fixture
def no_registry(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """An engine without registry, on a computer with mmdebstrap."""
    engine = FakeEngine()
    engine.registry = False
    monkeypatch.setattr(image.shutil, "which", lambda name: f"/usr/bin/{name}")
    return engine


def test_an_image_that_is_there_is_not_built(tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.images.add(RECIPE.tag)
    assert build(engine, tmp_path) == []
    assert engine.calls == []


def test_with_a_registry_packages_are_installed_on_debians_image(tmp_path: Path) -> None:
    engine, dockerfiles = FakeEngine(), []
    engine.on_build = lambda context: dockerfiles.append((context / "Dockerfile").read_text())
    told = build(engine, tmp_path)
    assert engine.calls == ["pull", "build", "build"]
    assert dockerfiles[0].startswith("FROM debian:12\n")
    assert "apt-get install -y --no-install-recommends systemd " in dockerfiles[0]
    assert dockerfiles[1].startswith(f"FROM {RECIPE.root_tag}\n")
    assert 'ENTRYPOINT ["/usr/local/sbin/provision-machine-init"]' in dockerfiles[1]
    assert {RECIPE.tag, RECIPE.root_tag} <= engine.images
    assert [progress.percent for progress in told] == sorted(progress.percent for progress in told)
    assert all("once" in progress.text for progress in told)


def test_the_context_holds_every_file_with_its_mode(tmp_path: Path) -> None:
    engine, seen = FakeEngine(), {}

    def look(context: Path) -> None:
        for path in (context / "files").rglob("*"):
            if path.is_file():
                seen[str(path.relative_to(context / "files"))] = path.stat().st_mode & 0o777

    engine.on_build = look
    build(engine, tmp_path)
    assert seen["usr/local/sbin/provision-machine"] == 0o755
    assert seen["etc/sudoers.d/google_sudoers"] == 0o440
    assert "etc/apt/sources.list" in seen


def test_without_registry_it_is_built_from_packages(
    tmp_path: Path, no_registry: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = []
    monkeypatch.setattr(image, "_run", lambda command, log, closing: commands.append(command) or 0)
    told = build(no_registry, tmp_path)
    assert no_registry.calls == ["pull", "import_image", "build"]
    (command,) = commands
    assert command[:2] == ["mmdebstrap", "--variant=minbase"]
    assert "openssh-server" in command[2]
    assert command[5:] == list(RECIPE.mirrors.lines("bookworm"))
    assert any("from Debian's packages" in progress.text for progress in told)


def test_a_build_that_cannot_reach_the_packages_falls_back_on_mmdebstrap(
    tmp_path: Path, no_registry: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_registry.registry = True
    failures = iter([ProvisionError("apt failed in the build")])

    def first_fails(context: Path) -> None:
        for failure in failures:
            raise failure

    no_registry.on_build = first_fails
    monkeypatch.setattr(image, "_run", lambda command, log, closing: 0)
    build(no_registry, tmp_path)
    assert no_registry.calls == ["pull", "build", "import_image", "build"]


def test_a_build_that_fails_where_there_is_no_other_way_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = FakeEngine()
    engine.failures["build"] = ProvisionError("apt failed in the build")
    monkeypatch.setattr(image.shutil, "which", lambda name: None)
    with pytest.raises(ProvisionError, match="apt failed in the build"):
        build(engine, tmp_path)


def test_with_neither_registry_nor_mmdebstrap_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = FakeEngine()
    engine.registry = False
    monkeypatch.setattr(image.shutil, "which", lambda name: None)
    with pytest.raises(ProvisionError) as failure:
        build(engine, tmp_path)
    assert failure.value.hint == "sudo apt-get install mmdebstrap debian-archive-keyring"


@pytest.mark.parametrize(
    ("told", "hint"),
    [
        ("E: unshare() failed: CLONE_NEWUSER", "kernel.unprivileged_userns_clone"),
        ("NO_PUBKEY 0E98404D386FA1D9", "debian-archive-keyring"),
        ("Temporary failure resolving 'mirror.example'", "apt-get update"),
        ("E: unable to pick chroot mode automatically (use --mode for manual selection)", "install uidmap"),
    ],
)
def test_a_failing_mmdebstrap_shows_its_last_words_and_what_to_do(
    tmp_path: Path, no_registry: FakeEngine, monkeypatch: pytest.MonkeyPatch, told: str, hint: str
) -> None:
    monkeypatch.setattr(image, "_run", lambda command, log, closing: log.write_text(f"first\n{told}\n\n") and 25)
    with pytest.raises(ProvisionError) as failure:
        build(no_registry, tmp_path)
    assert failure.value.what == "mmdebstrap failed with exit code 25"
    assert failure.value.why.endswith(told)
    assert hint in failure.value.hint
    assert RECIPE.root_tag not in no_registry.images


def test_leftovers_of_a_build_that_died_are_cleared(tmp_path: Path) -> None:
    (tmp_path / "build" / "tmpdead").mkdir(parents=True)
    (tmp_path / "build" / "tmpdead" / "rootfs.tar").write_text("half")
    build(FakeEngine(), tmp_path)
    assert list((tmp_path / "build").iterdir()) == []


def test_a_new_guest_agent_keeps_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    before = (RECIPE.root_tag, RECIPE.tag)
    monkeypatch.setattr(image, "image_files", lambda: {"/new": (0o644, "text")})
    assert RECIPE.root_tag == before[0]
    assert RECIPE.tag != before[1]


def test_other_packages_or_mirrors_are_another_image() -> None:
    tags = {
        recipe.root_tag
        for recipe in (RECIPE, Recipe(Mirrors(), ("x",)), Recipe(Mirrors("http://other.example/debian")))
    }
    assert len(tags) == 3


# Mirrors


def apt(folder: Path, **files: str) -> Path:
    (folder / "sources.list.d").mkdir()
    for name, text in files.items():
        (folder / name.replace("__", "/").replace("_", ".")).write_text(text)
    return folder


def test_without_sources_the_tools_own_defaults_hold(tmp_path: Path) -> None:
    assert of_this_computer("bookworm", tmp_path) == Mirrors()
    assert Mirrors().lines("bookworm") == ()


def test_without_mirrors_debians_image_keeps_its_own() -> None:
    assert Recipe(Mirrors(), ("x",)).sources() == {}
    assert "sources" not in Recipe(Mirrors(), ("x",)).install()


def test_security_updates_come_from_where_they_are_known(tmp_path: Path) -> None:
    assert len(Mirrors("http://mirror.example/debian").lines("bookworm")) == 2
    assert Mirrors("http://a/d", "http://a/s").lines("bookworm")[2] == "deb http://a/s bookworm-security main"


def test_the_mirrors_of_this_computer_are_used(tmp_path: Path) -> None:
    text = """
    # deb http://no.example/debian bookworm main
deb [arch=amd64 signed-by=/x.gpg] http://mirror.example/debian/ bookworm main contrib
deb http://mirror.example/security bookworm-security main # why not
deb-src http://src.example/debian bookworm main
"""
    found = of_this_computer("bookworm", apt(tmp_path, sources_list=text))
    assert found == Mirrors("http://mirror.example/debian", "http://mirror.example/security")


def test_stanzas_are_read_as_well(tmp_path: Path) -> None:
    text = """Types: deb deb-src
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://off.example/security
Suites: bookworm-security
Enabled: no

Types: deb-src
URIs: http://src.example/security
Suites: bookworm-security
"""
    found = of_this_computer("bookworm", apt(tmp_path, sources_list_d__debian_sources=text))
    assert found == Mirrors("http://mirror.example/debian")


@pytest.mark.parametrize(
    "line",
    [
        "deb http://localhost/debian bookworm main",
        "deb http://127.0.0.1:3142/debian bookworm main",
        "deb cdrom:[Debian GNU/Linux 12]/ bookworm main",
        "deb file:///srv/debian bookworm main",
        "deb http://archive.ubuntu.com/ubuntu jammy main",
        "deb http://mirror.example/debian",
        "deb",
    ],
)
def test_sources_of_no_use_to_a_machine_are_left_out(tmp_path: Path, line: str) -> None:
    assert of_this_computer("bookworm", apt(tmp_path, sources_list=line)) == Mirrors()
