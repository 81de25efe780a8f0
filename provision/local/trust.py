"""The certificates and proxy settings of the operator's computer, as files for a machine behind the same proxy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from provision.local.docker_engine import File

SYSTEM_BUNDLES = (Path("/etc/ssl/certs/ca-certificates.crt"), Path("/etc/pki/tls/certs/ca-bundle.crt"))
ANCHORS = (Path("/usr/local/share/ca-certificates"), Path("/etc/pki/ca-trust/source/anchors"))
_BUNDLE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy")
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_TARGET = "/usr/local/share/ca-certificates"


def certificate_files(
    environment: Mapping[str, str],
    anchors: tuple[Path, ...] = ANCHORS,
    system_bundles: tuple[Path, ...] = SYSTEM_BUNDLES,
) -> dict[str, File]:
    """One file for each certificate that this computer trusts beyond its distribution's, and a mark that it is new."""
    certificates = list(dict.fromkeys((*_of_anchors(anchors), *_of_bundles(environment, system_bundles))))
    files = {f"{_TARGET}/provision-host-{n}.crt": File(f"{text}\n") for n, text in enumerate(certificates, 1)}
    return {**files, "/etc/provision-machine/trust-is-new": File("")} if files else {}


def _of_anchors(folders: tuple[Path, ...]) -> Iterator[str]:
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".crt", ".pem", ".cer"):
                yield from _certificates(path)


def _of_bundles(environment: Mapping[str, str], system_bundles: tuple[Path, ...]) -> Iterator[str]:
    """What a bundle named in the environment has beyond the system's."""
    known = {text for path in system_bundles for text in _certificates(path)}
    for variable in _BUNDLE_VARIABLES:
        if environment.get(variable):
            yield from (text for text in _certificates(Path(environment[variable])) if text not in known)


def _certificates(path: Path) -> list[str]:
    try:
        return _CERTIFICATE.findall(path.read_text(encoding="ascii", errors="replace"))
    except OSError:
        return []


def proxy_files(environment: Mapping[str, str]) -> dict[str, File]:
    """`/etc/environment`, apt's and systemd's settings; a proxy on this computer's loopback is left out."""
    both = proxies(environment)
    if not both:
        return {}
    urls = [(name.split("_")[0], url) for name, url in both.items() if name in ("http_proxy", "https_proxy")]
    apt = [f'Acquire::{scheme}::Proxy "{url}";' for scheme, url in urls]
    unit = " ".join(f'"{name}={value}"' for name, value in both.items())
    return {
        "/etc/environment": File("".join(f'{name}="{value}"\n' for name, value in both.items())),
        "/etc/apt/apt.conf.d/90provision-proxy": File("\n".join(apt) + "\n"),
        "/etc/systemd/system.conf.d/provision-proxy.conf": File(f"[Manager]\nDefaultEnvironment={unit}\n"),
    }


def proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """The proxy variables that mean something outside this computer, in small and in capital letters."""
    settings = {name: environment.get(name) or environment.get(name.upper()) or "" for name in _PROXY_VARIABLES}
    urls = {name: url for name, url in settings.items() if url and name != "no_proxy" and not _is_loopback(url)}
    if not urls:
        return {}
    chosen = {**urls, **({"no_proxy": settings["no_proxy"]} if settings["no_proxy"] else {})}
    return {**chosen, **{name.upper(): value for name, value in chosen.items()}}


def _is_loopback(url: str) -> bool:
    host = urlsplit(url if "://" in url else f"http://{url}").hostname or ""
    return host == "localhost" or host == "::1" or host.startswith("127.")
