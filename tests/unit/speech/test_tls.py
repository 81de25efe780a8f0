"""Behind TLS: a server is trusted when somebody we trust has signed for it, and never otherwise."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from provision.speech import service
from provision.speech.endpoint import Endpoint
from provision.speech.failures import NotReached
from provision.speech.stream import Patience
from provision.speech.tts import synthesize
from tests.unit.speech.fake_server import KEY, Manners, speech_server

IMPATIENT = Patience(connect_s=2.0, message_s=1.0)


def certificate(folder: Path, address: str) -> Path:
    """A certificate for this address, signed by itself, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "speech")])
    now = datetime.datetime.now(datetime.timezone.utc)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "certificate.pem"
    file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return file


def behind(file: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    return context


def test_speech_comes_through_tls_when_its_certificate_is_trusted(tmp_path: Path) -> None:
    file = certificate(tmp_path, "127.0.0.1")
    with speech_server(Manners(), behind(file)) as fake:
        where = Endpoint(fake.url, KEY, ca_file=file)
        assert where.secure
        assert asyncio.run(synthesize(where, "one two", IMPATIENT)).words == ("one", "two")
        assert service.build_info(where, 2).rustc == "1.95.0"


def test_a_certificate_of_nobody_we_know_is_refused(tmp_path: Path) -> None:
    with speech_server(Manners(), behind(certificate(tmp_path, "127.0.0.1"))) as fake:
        with pytest.raises(NotReached) as failed:
            asyncio.run(synthesize(Endpoint(fake.url, KEY), "one", IMPATIENT))
        assert failed.value.obstacle == "tls"
        with pytest.raises(NotReached) as failed:
            service.build_info(Endpoint(fake.url, KEY), 2)
        assert failed.value.obstacle == "tls"
        assert fake.keys == []


def test_a_certificate_for_another_address_is_refused(tmp_path: Path) -> None:
    file = certificate(tmp_path, "203.0.113.7")
    with speech_server(Manners(), behind(file)) as fake, pytest.raises(NotReached) as failed:
        asyncio.run(synthesize(Endpoint(fake.url, KEY, ca_file=file), "one", IMPATIENT))
    assert failed.value.obstacle == "tls"
    assert "203.0.113.7" in failed.value.what or "mismatch" in failed.value.what
