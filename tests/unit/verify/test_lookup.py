"""From a host of the inventory to its speech server, and what is missing on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision.errors import ProvisionError, UsageProblem
from provision.inventory import Inventory, load
from provision.verify.lookup import read_key, target_of


def inventory(folder: Path, **variables: object) -> Inventory:
    lines = "".join(f"      {name}: {value}\n" for name, value in variables.items())
    file = folder / "inventory.yml"
    file.write_text(f"all:\n  hosts:\n    tts-1:\n{lines}" if lines else "all:\n  hosts:\n    tts-1:\n")
    return load([str(file)])


def key_file(folder: Path, content: str = "sesame\n") -> Path:
    file = folder / "key"
    file.write_text(content)
    return file


def test_address_port_and_key_come_from_the_inventory(tmp_path: Path) -> None:
    hosts = inventory(tmp_path, ansible_host="203.0.113.7", moshi_port=9090, moshi_api_key_file=key_file(tmp_path))
    target = target_of(hosts, "tts-1")
    assert (target.host, target.url, target.key) == ("tts-1", "ws://203.0.113.7:9090/api/tts_streaming", "sesame")
    assert target.managed


def test_the_port_is_8080_and_the_name_the_address_unless_said(tmp_path: Path) -> None:
    assert target_of(inventory(tmp_path), "tts-1", "k").url == "ws://tts-1:8080/api/tts_streaming"


def test_a_whole_address_goes_over_host_and_port(tmp_path: Path) -> None:
    hosts = inventory(tmp_path, ansible_host="203.0.113.7", moshi_url="wss://speech.example/api/tts_streaming")
    assert target_of(hosts, "tts-1", "k").url == "wss://speech.example/api/tts_streaming"


def test_the_port_that_create_vm_opened_is_taken_unless_another_is_said(tmp_path: Path) -> None:
    assert target_of(inventory(tmp_path, provision_service_port=9000), "tts-1", "k").endpoint.port == 9000
    both = inventory(tmp_path, provision_service_port=9000, moshi_port=9001, moshi_path="/api/speak")
    assert target_of(both, "tts-1", "k").url == "ws://tts-1:9001/api/speak"


def test_the_inventory_may_say_it_in_templates(tmp_path: Path) -> None:
    (tmp_path / "tts-1.key").write_text("sesame\n")
    hosts = inventory(
        tmp_path,
        ansible_host="'{{ inventory_hostname }}.lan'",
        moshi_api_key_file=f"'{tmp_path}/{{{{ inventory_hostname }}}}.key'",
        moshi_log_level="'{{ a_fact_that_only_a_run_knows }}'",
    )
    target = target_of(hosts, "tts-1")
    assert (target.url, target.key) == ("ws://tts-1.lan:8080/api/tts_streaming", "sesame")


def test_a_port_that_is_no_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="the port of the speech server"):
        target_of(inventory(tmp_path, moshi_port="many"), "tts-1", "k")
    with pytest.raises(ProvisionError, match="nobody"):
        target_of(inventory(tmp_path, moshi_port="'{{ nobody }}'"), "tts-1", "k")


def test_a_machine_of_ours_is_opened_by_the_firewall_verb(tmp_path: Path) -> None:
    ours = {"provision_instance_id": 7, "provision_service_port": 9000}
    assert target_of(inventory(tmp_path, **ours), "tts-1", "k").open_command == "provision firewall tts-1 --mine"
    moved = target_of(inventory(tmp_path, **ours, moshi_port=9001), "tts-1", "k")
    assert moved.open_command == "provision firewall tts-1 --mine --port 9001"
    assert target_of(inventory(tmp_path), "tts-1", "k").open_command == ""


def test_a_key_file_that_is_not_there_yet_means_no_deploy_so_far(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem) as refused:
        target_of(inventory(tmp_path, moshi_api_key_file=tmp_path / "none.key"), "tts-1")
    assert "no deploy has come so far" in refused.value.why


def test_a_given_key_is_taken_before_the_inventorys(tmp_path: Path) -> None:
    hosts = inventory(tmp_path, moshi_api_key_file=tmp_path / "missing")
    assert target_of(hosts, "tts-1", "mine").key == "mine"


def test_an_unknown_host_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem) as refused:
        target_of(inventory(tmp_path), "tts-2")
    assert "did you mean `tts-1`?" in refused.value.why


def test_a_host_without_a_key_was_never_deployed(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem) as refused:
        target_of(inventory(tmp_path), "tts-1")
    assert refused.value.hint.startswith("provision deploy tts-1")


@pytest.mark.parametrize("content", ["", "\n", "two words", "clé", "a\nb", "tab\there"])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(UsageProblem):
        read_key(key_file(tmp_path, content))


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="nowhere"):
        read_key(tmp_path / "nowhere")


def test_spaces_around_a_key_are_no_part_of_it(tmp_path: Path) -> None:
    assert read_key(key_file(tmp_path, "  sesame \r\n")) == "sesame"
