"""Settings: which source wins, where each value comes from, and what a wrong file is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provision.errors import UsageProblem
from provision.settings import KNOWN, Settings, folders, load, read_file


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a home beside it."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def loaded(home: Path, flags: dict[str, Any] | None = None, **environment: str) -> Settings:
    return load(flags, {"HOME": str(home), **environment})


def project_file(text: str) -> Path:
    path = Path("provision.yml")
    path.write_text(text)
    return path


def user_file(home: Path, text: str) -> Path:
    path = home / ".config" / "provision" / "config.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_without_anything_the_defaults_hold(home: Path) -> None:
    settings = loaded(home)
    assert settings["zone"] == "us-central1-a" and settings["service_port"] == 8080
    assert {setting.origin for _, setting in settings} == {"default"}
    assert not settings.given("zone")


def test_each_source_wins_over_the_one_below(home: Path) -> None:
    seen = [(loaded(home)["zone"], loaded(home).values["zone"].origin)]
    path = user_file(home, "zone: user-1-a\n")
    seen.append((loaded(home)["zone"], loaded(home).values["zone"].origin))
    project_file("# ours\nzone: project-1-a\n")
    seen.append((loaded(home)["zone"], loaded(home).values["zone"].origin))
    settings = loaded(home, PROVISION_ZONE="env-1-a")
    seen.append((settings["zone"], settings.values["zone"].origin))
    settings = loaded(home, {"zone": "flag-1-a"}, PROVISION_ZONE="env-1-a")
    seen.append((settings["zone"], settings.values["zone"].origin))
    assert seen == [
        ("us-central1-a", "default"),
        ("user-1-a", f"{path}:1"),
        ("project-1-a", "./provision.yml:2"),
        ("env-1-a", "PROVISION_ZONE"),
        ("flag-1-a", "--zone"),
    ]


@pytest.mark.parametrize("nothing", [{"zone": None}, {"allow": ()}, {"zone": None, "gpu": None}, {}])
def test_flags_that_were_not_given_say_nothing(home: Path, nothing: dict[str, Any]) -> None:
    project_file("zone: z-1\nallow: [10.0.0.0/8]\n")
    settings = loaded(home, nothing)
    assert (settings["zone"], settings["allow"]) == ("z-1", ("10.0.0.0/8",))


def test_a_switch_can_be_taken_back_by_a_flag(home: Path) -> None:
    project_file("spot: true\n")
    assert loaded(home)["spot"] is True
    assert loaded(home, {"spot": False})["spot"] is False


def test_an_empty_variable_is_not_set(home: Path) -> None:
    assert loaded(home, PROVISION_ZONE="").values["zone"].origin == "default"


def test_flags_of_other_commands_are_passed_over(home: Path) -> None:
    assert loaded(home, {"dry_run": True, "zone": "z-1"})["zone"] == "z-1"


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("PROVISION_DISK_GB", "200", "disk_gb", 200),
        ("PROVISION_SPOT", "yes", "spot", True),
        ("PROVISION_SPOT", "0", "spot", False),
        ("PROVISION_ALLOW", "10.0.0.0/8,192.0.2.1/32", "allow", ("10.0.0.0/8", "192.0.2.1/32")),
        ("PROVISION_ALLOW", "10.0.0.0/8 192.0.2.1/32", "allow", ("10.0.0.0/8", "192.0.2.1/32")),
        ("PROVISION_MAX_RUN", "none", "max_run", "none"),
        ("PROVISION_CLOUD", "local", "cloud", "local"),
    ],
)
def test_variables_are_read_in_their_kind(home: Path, variable: str, text: str, name: str, value: Any) -> None:
    assert loaded(home, **{variable: text})[name] == value


@pytest.mark.parametrize(
    ("variable", "text", "words"),
    [
        ("PROVISION_DISK_GB", "big", "PROVISION_DISK_GB: `disk_gb` is a whole number, not `big`"),
        ("PROVISION_DISK_GB", "-1", "cannot be negative"),
        ("PROVISION_SPOT", "maybe", "is true or false"),
        ("PROVISION_CLOUD", "aws", "is one of gce, local, not `aws`"),
        ("PROVISION_MAX_RUN_ACTION", "explode", "is one of delete, stop"),
    ],
)
def test_a_wrong_variable_is_named(home: Path, variable: str, text: str, words: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        loaded(home, **{variable: text})
    assert variable in caught.value.what and words in caught.value.what


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("zoen: a\n", "./provision.yml:1: unknown setting `zoen`, did you mean `zone`?"),
        ("max-run: 24h\n", "unknown setting `max-run`, did you mean `max_run`?"),
        ("zone: a\nqqqqqq: b\n", "./provision.yml:2: unknown setting `qqqqqq`"),
        ("zone: a\nzone: b\n", "./provision.yml:2: `zone` is set twice"),
        ("disk_gb: large\n", "./provision.yml:1: `disk_gb` is a whole number, not `large`"),
        ("disk_gb: true\n", "is a whole number"),
        ("spot: 2\n", "is true or false"),
        ("allow: 5\n", "is a list of texts"),
        ("allow: [1, 2]\n", "is a list of texts"),
        ("zone: no\n", "`zone` is one text, not False"),
        ("zone: [a]\n", "`zone` is one text"),
        ("- zone\n", "./provision.yml:1: settings are `name: value` lines"),
        ("zone: [a\n", "./provision.yml:2: not YAML"),
        ("zone: *nobody\n", "not YAML"),
        ("zone: !!python/object:os.system x\n", "./provision.yml:1: not YAML"),
        ("a: b: c\n", "./provision.yml:1: not YAML"),
    ],
)
def test_a_wrong_file_is_told_with_its_line(home: Path, text: str, words: str) -> None:
    project_file(text)
    with pytest.raises(UsageProblem) as caught:
        loaded(home)
    assert words in caught.value.what and caught.value.exit_code == 2


def test_all_mistakes_are_told_at_once(home: Path) -> None:
    project_file("zoen: a\ndisk_gb: big\nzone: x\nzone: y\n")
    with pytest.raises(UsageProblem) as caught:
        loaded(home)
    assert [line.split(":")[1] for line in caught.value.what.splitlines()] == ["1", "2", "4"]


def test_bytes_that_are_no_text_are_told(home: Path) -> None:
    Path("provision.yml").write_bytes(b"zone: \xff\xfe\n")
    with pytest.raises(UsageProblem, match="not YAML"):
        loaded(home)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "{}\n"])
def test_an_empty_file_sets_nothing(home: Path, text: str) -> None:
    assert read_file(project_file(text)) == {}


def test_a_file_that_is_not_there_sets_nothing(home: Path) -> None:
    assert read_file(Path("nowhere.yml")) == {}


def test_numbers_and_texts_in_yaml_keep_their_kind(home: Path) -> None:
    project_file('disk_gb: 200\nspot: true\nmax_run: 24h\nproject: "007"\nallow: 10.0.0.0/8\nnetwork:\n')
    settings = loaded(home)
    assert (settings["disk_gb"], settings["spot"], settings["max_run"], settings["project"]) == (
        200,
        True,
        "24h",
        "007",
    )
    assert (settings["allow"], settings["network"]) == (("10.0.0.0/8",), "")


def test_every_setting_has_a_meaning_and_one_name() -> None:
    for name, known in KNOWN.items():
        assert known.name == name and known.meaning
        assert known.flag == f"--{name.replace('_', '-')}" and known.variable == f"PROVISION_{name.upper()}"
        assert not known.choices or known.default == "" or known.default in known.choices


@pytest.mark.parametrize(
    ("environment", "state"),
    [
        ({"HOME": "/home/me"}, "/home/me/.local/state/provision"),
        ({"HOME": "/home/me", "XDG_STATE_HOME": "/var/s"}, "/var/s/provision"),
        ({"HOME": "/home/me", "XDG_STATE_HOME": "relative"}, "/home/me/.local/state/provision"),
        ({"HOME": "/home/me", "XDG_STATE_HOME": ""}, "/home/me/.local/state/provision"),
    ],
)
def test_folders_follow_the_xdg_rules(environment: dict[str, str], state: str) -> None:
    assert str(folders(environment).state) == state


def test_what_belongs_to_a_state_folder_lies_in_it() -> None:
    places = folders({"HOME": "/h"})
    assert all(
        path.is_relative_to(places.state) for path in (places.inventory, places.keys, places.ssh, places.local_cloud)
    )
    assert places.artifacts.is_relative_to(places.cache)
