"""What machines take over from the operator's computer: certificates, proxies, a free subnet."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from provision.local.subnets import candidates, is_free, next_address
from provision.local.trust import certificate_files, proxies, proxy_files


def pem(name: str) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{name}\n-----END CERTIFICATE-----"


def texts(files: dict[str, object]) -> list[str]:
    return [file.text.split("\n")[1] for path, file in sorted(files.items()) if path.endswith(".crt")]  # type: ignore[attr-defined]


@pytest.fixture
def anchors(tmp_path: Path) -> Path:
    folder = tmp_path / "anchors"
    (folder / "company").mkdir(parents=True)
    (folder / "proxy.crt").write_text(f"# a comment\n{pem('PROXY')}\n")
    (folder / "company" / "root.crt").write_text(pem("ROOT") + "\n" + pem("SECOND") + "\n")
    (folder / "readme.txt").write_text(pem("NOT-THIS"))
    return folder


# Certificates


def test_every_certificate_of_this_computer_is_a_file_of_its_own(anchors: Path) -> None:
    files = certificate_files({}, (anchors,), ())
    assert sorted(texts(files)) == ["PROXY", "ROOT", "SECOND"]
    assert all(path.startswith("/usr/local/share/ca-certificates/provision-host-") for path in files if ".crt" in path)
    assert "/etc/provision-machine/trust-is-new" in files


def test_without_own_certificates_nothing_is_written_and_nothing_is_new(tmp_path: Path) -> None:
    assert certificate_files({}, (tmp_path / "none",), ()) == {}


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_bundle_named_in_the_environment_adds_what_the_system_does_not_have(tmp_path: Path, variable: str) -> None:
    system, bundle = tmp_path / "system.crt", tmp_path / "bundle.pem"
    system.write_text(pem("KNOWN") + "\n")
    bundle.write_text(f"{pem('KNOWN')}\n{pem('NEW')}\n")
    assert texts(certificate_files({variable: str(bundle)}, (), (system,))) == ["NEW"]


def test_the_systems_own_bundle_adds_nothing(tmp_path: Path) -> None:
    system = tmp_path / "system.crt"
    system.write_text(pem("KNOWN"))
    assert certificate_files({"SSL_CERT_FILE": str(system)}, (), (system,)) == {}


def test_a_certificate_named_twice_is_written_once(anchors: Path) -> None:
    environment = {"SSL_CERT_FILE": str(anchors / "proxy.crt"), "CURL_CA_BUNDLE": str(anchors / "proxy.crt")}
    assert sorted(texts(certificate_files(environment, (anchors,), ()))) == ["PROXY", "ROOT", "SECOND"]


def test_a_bundle_that_is_not_there_is_no_trouble(tmp_path: Path) -> None:
    assert certificate_files({"SSL_CERT_FILE": str(tmp_path / "none")}, (), ()) == {}


# Proxies


def test_a_proxy_reaches_logins_apt_and_services() -> None:
    environment = {"HTTP_PROXY": "http://proxy:3128", "https_proxy": "http://proxy:3129", "no_proxy": "localhost"}
    files = proxy_files(environment)
    login = files["/etc/environment"].text.splitlines()
    assert {'http_proxy="http://proxy:3128"', 'HTTPS_PROXY="http://proxy:3129"', 'no_proxy="localhost"'} <= set(login)
    assert files["/etc/apt/apt.conf.d/90provision-proxy"].text.splitlines() == [
        'Acquire::http::Proxy "http://proxy:3128";',
        'Acquire::https::Proxy "http://proxy:3129";',
    ]
    assert '"http_proxy=http://proxy:3128"' in files["/etc/systemd/system.conf.d/provision-proxy.conf"].text


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:3128", "http://localhost:3128", "localhost:3128", "http://[::1]:1", ""]
)
def test_a_proxy_on_loopback_is_left_out(url: str) -> None:
    assert proxy_files({"http_proxy": url, "no_proxy": "x"}) == {}
    assert proxies({"http_proxy": url}) == {}


def test_small_letters_win_over_capitals() -> None:
    assert proxies({"http_proxy": "http://a:1", "HTTP_PROXY": "http://b:1"})["HTTP_PROXY"] == "http://a:1"


# Subnets


def routes(tmp_path: Path, *networks: str) -> Path:
    """A file as the kernel writes it: little-endian hexadecimal."""

    def hexed(address: ipaddress.IPv4Address) -> str:
        return address.packed[::-1].hex().upper()

    lines = ["Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT"]
    for network in map(ipaddress.IPv4Network, networks):
        lines.append(f"eth0 {hexed(network.network_address)} 00000000 0001 0 0 0 {hexed(network.netmask)} 0 0 0")
    path = tmp_path / "route"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_subnets_in_use_are_not_offered(tmp_path: Path) -> None:
    busy = routes(tmp_path, "0.0.0.0/0", "10.128.0.0/9", "192.168.1.0/24")
    assert list(candidates("x", busy)) == []
    assert not is_free(ipaddress.IPv4Network("10.200.0.0/24"), busy)
    assert is_free(ipaddress.IPv4Network("10.20.0.0/24"), busy)


def test_every_cloud_begins_somewhere_else_and_always_there(tmp_path: Path) -> None:
    free = routes(tmp_path, "0.0.0.0/0")
    first = [next(candidates(owner, free)) for owner in ("a", "b", "a")]
    assert first[0] == first[2] != first[1]
    assert all(
        network.prefixlen == 24 and network.subnet_of(ipaddress.IPv4Network("10.192.0.0/10")) for network in first
    )


def test_all_candidates_are_different(tmp_path: Path) -> None:
    offered = list(candidates("a", routes(tmp_path)))
    assert len(set(offered)) == len(offered) == 55 * 256


def test_a_system_without_that_file_has_every_subnet_free(tmp_path: Path) -> None:
    assert next(candidates("a", tmp_path / "none")).prefixlen == 24


@pytest.mark.parametrize(
    ("taken", "last", "wanted"),
    [
        ((), "", "10.200.0.2"),
        (("10.200.0.2",), "", "10.200.0.3"),
        ((), "10.200.0.7", "10.200.0.8"),
        (("10.200.0.8",), "10.200.0.7", "10.200.0.9"),
        ((), "10.200.0.254", "10.200.0.2"),
        ((), "10.99.0.1", "10.200.0.2"),
    ],
)
def test_the_next_address_follows_the_last_and_skips_what_is_taken(
    taken: tuple[str, ...], last: str, wanted: str
) -> None:
    assert next_address("10.200.0.0/24", frozenset(taken), last) == wanted


def test_a_full_subnet_has_no_next_address() -> None:
    everything = frozenset(str(host) for host in ipaddress.IPv4Network("10.200.0.0/24").hosts())
    assert next_address("10.200.0.0/24", everything, "") is None
