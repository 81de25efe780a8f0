"""GPU names become shapes; what nobody knows is refused with the nearest name."""

from __future__ import annotations

from typing import Any

import pytest

from provision.errors import UsageProblem
from provision.gce import catalogue
from provision.gce.catalogue import Shape
from tests.unit.gce.conftest import TableCloud

ZONE = "us-central1-a"


def machine_type(name: str, cpus: int, gb: float, gpu: str = "", count: int = 1, **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "guestCpus": cpus, "memoryMb": int(gb * 1024), **more}
    parts = [{"guestAcceleratorType": gpu, "guestAcceleratorCount": count}]
    return row | ({"accelerators": parts} if gpu else {})


@pytest.fixture
def cloud() -> TableCloud:
    types = [
        machine_type("g2-standard-4", 4, 16, "nvidia-l4"),
        machine_type("g2-standard-12", 12, 48, "nvidia-l4"),
        machine_type("g2-standard-8", 8, 32, "nvidia-l4"),
        machine_type("g2-standard-24", 24, 96, "nvidia-l4", 2),
        machine_type("a4-highgpu-8g", 224, 3968, "nvidia-b200", 8),
        machine_type("n9-future-1", 16, 64, "nvidia-x9000"),
        machine_type("n1-standard-8", 8, 30),
        machine_type("n1-standard-16", 16, 60),
        machine_type("e2-standard-4", 4, 16),
        machine_type("e2-old", 4, 16, deprecated={"state": "OBSOLETE"}),
    ]
    gpus = ["nvidia-l4", "nvidia-tesla-t4", "nvidia-tesla-t4-vws", "nvidia-b200", "nvidia-x9000"]
    return TableCloud(
        {
            ("MachineTypes", "list", ZONE): types,
            ("AcceleratorTypes", "list", ZONE): [{"name": name} for name in gpus],
            ("Zones", "list", ""): [{"name": ZONE}, {"name": "us-central1-b"}, {"name": "europe-west4-a"}],
            ("Zones", "get", ZONE): {"name": ZONE},
        }
    )


def choose(cloud: Any, machine_type: str = "", gpu: str = "") -> Shape:
    return catalogue.choose(cloud, ZONE, machine_type, gpu)


def test_without_wishes_a_plain_machine(cloud: TableCloud) -> None:
    assert choose(cloud) == Shape("e2-standard-4", cpus=4, memory_mb=16384)


@pytest.mark.parametrize("name", ["l4", "L4", "nvidia-l4", "l4:1"])
def test_the_smallest_shape_with_memory_to_compile_in(cloud: TableCloud, name: str) -> None:
    shape = choose(cloud, gpu=name)
    assert (shape.machine_type, shape.accelerator, shape.count, shape.attached) == (
        "g2-standard-8",
        "nvidia-l4",
        1,
        False,
    )


def test_two_gpus_want_a_shape_that_has_two(cloud: TableCloud) -> None:
    shape = choose(cloud, gpu="l4:2")
    assert (shape.machine_type, shape.gpu) == ("g2-standard-24", "nvidia-l4:2")


def test_a_small_shape_is_taken_when_there_is_no_other(cloud: TableCloud) -> None:
    rows = cloud.answers["MachineTypes", "list", ZONE]
    cloud.answers["MachineTypes", "list", ZONE] = [row for row in rows if row["name"] == "g2-standard-4"]
    assert choose(cloud, gpu="l4").machine_type == "g2-standard-4"


def test_old_gpus_are_attached_to_n1(cloud: TableCloud) -> None:
    shape = choose(cloud, gpu="t4")
    assert (shape.machine_type, shape.accelerator, shape.attached) == ("n1-standard-8", "nvidia-tesla-t4", True)
    assert choose(cloud, "n1-standard-16", "t4:4").count == 4


def test_a_machine_type_brings_its_gpus(cloud: TableCloud) -> None:
    assert choose(cloud, "g2-standard-12").gpu == "nvidia-l4"
    assert choose(cloud, "g2-standard-12", "l4").machine_type == "g2-standard-12"


def test_a_machine_type_with_other_gpus_is_refused(cloud: TableCloud) -> None:
    with pytest.raises(UsageProblem, match="comes with nvidia-l4, not 2 x nvidia-l4"):
        choose(cloud, "g2-standard-12", "l4:2")


def test_only_n1_takes_a_gpu(cloud: TableCloud) -> None:
    with pytest.raises(UsageProblem, match="e2-standard-4 takes no attached GPU"):
        choose(cloud, "e2-standard-4", "t4")


def test_a_number_that_no_shape_has_is_refused(cloud: TableCloud) -> None:
    with pytest.raises(UsageProblem, match="no machine type with 3 x nvidia-l4"):
        choose(cloud, gpu="l4:3")


@pytest.mark.parametrize("asked", ["l4:", "l4:0", "l4:two", "l4:-1"])
def test_a_count_is_a_number(cloud: TableCloud, asked: str) -> None:
    if asked == "l4:":
        assert choose(cloud, gpu=asked).count == 1
        return
    with pytest.raises(UsageProblem, match="NAME:COUNT"):
        choose(cloud, gpu=asked)


def test_a_gpu_that_is_sold_elsewhere_says_so(cloud: TableCloud) -> None:
    with pytest.raises(UsageProblem) as caught:
        choose(cloud, gpu="h100")
    assert caught.value.what == f"{ZONE} has no GPU h100"
    assert "l4" in caught.value.why and "--zone" in caught.value.hint


@pytest.mark.parametrize(("typed", "meant"), [("l44", "l4"), ("t44", "t4"), ("b20", "b200"), ("a10", "a100")])
def test_a_misspelled_gpu_is_answered_with_the_nearest(cloud: TableCloud, typed: str, meant: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        choose(cloud, gpu=typed)
    assert caught.value.hint == f"did you mean `{meant}`?"


def test_workstation_gpus_are_not_offered(cloud: TableCloud) -> None:
    with pytest.raises(UsageProblem):
        choose(cloud, gpu="nvidia-tesla-t4-vws")


def test_a_misspelled_machine_type_is_answered_with_the_nearest(cloud: TableCloud) -> None:
    with pytest.raises(UsageProblem) as caught:
        choose(cloud, "g2-standart-8")
    assert "unknown machine type `g2-standart-8` in us-central1-a" in caught.value.what
    assert "`g2-standard-8`" in caught.value.hint


def test_retired_machine_types_are_not_there(cloud: TableCloud) -> None:
    with pytest.raises(UsageProblem, match="unknown machine type `e2-old`"):
        choose(cloud, "e2-old")


def test_a_misspelled_zone_is_answered_with_the_nearest(cloud: TableCloud) -> None:
    catalogue.check_zone(cloud, ZONE)  # type: ignore[arg-type]
    with pytest.raises(UsageProblem) as caught:
        catalogue.check_zone(cloud, "us-centrl1-b")  # type: ignore[arg-type]
    assert caught.value.exit_code == 2 and caught.value.hint == "did you mean `us-central1-b`?"


def test_something_quite_unlike_gets_the_list(cloud: TableCloud) -> None:
    with pytest.raises(UsageProblem) as caught:
        catalogue.check_zone(cloud, "qqqq")  # type: ignore[arg-type]
    assert caught.value.hint == "known: europe-west4-a, us-central1-a, us-central1-b"


@pytest.mark.parametrize(
    ("gpu", "words"),
    [("t4", "16 GB"), ("b200:8", "needs CUDA 12.8"), ("x9000", "not known here")],
)
def test_what_will_hurt_later_is_said_before(cloud: TableCloud, gpu: str, words: str) -> None:
    assert words in " ".join(choose(cloud, gpu=gpu).warnings)


def test_a_fitting_gpu_is_not_warned_about(cloud: TableCloud) -> None:
    assert choose(cloud, gpu="l4").warnings == ()
    assert choose(cloud).warnings == ()


def test_newer_shapes_want_their_own_disks(cloud: TableCloud) -> None:
    assert choose(cloud, gpu="b200:8").disk_type == "hyperdisk-balanced"
    assert choose(cloud, gpu="l4").disk_type == "pd-balanced"
    assert choose(cloud, gpu="x9000").disk_type == "pd-balanced"


def test_the_gpu_as_shown_can_be_asked_for_again(cloud: TableCloud) -> None:
    for asked in ("l4", "l4:2", "t4:2"):
        shape = choose(cloud, gpu=asked)
        assert choose(cloud, gpu=shape.gpu) == shape
