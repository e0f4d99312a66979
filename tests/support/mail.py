"""A real SMTP server that can be told to refuse, greylist, hang, hang up, stop and come back."""

import asyncio
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path

from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.servers import free_port

HOST = "127.0.0.1"


class MailServer:
    """A server on its own port; the messages it accepted are in `messages`, in order.

    `on_recipient` and `on_data` return its replies; each is called with a recipient, and may raise
    HangUp or Hang.
    """

    def __init__(self, **options: object) -> None:
        self.port = free_port()
        self.messages: list[EmailMessage] = []
        self.connections = 0
        self.on_recipient: Callable[[str], str] = lambda _recipient: "250 known"
        self.on_data: Callable[[str], str] = lambda _recipient: "250 taken"
        self.hangs = threading.Event()
        self.is_rude = False
        """Whether it hangs up when a client sends QUIT."""
        self._options = options
        self._controller: Controller | None = None

    def start(self) -> "MailServer":
        self._controller = Controller(self, hostname=HOST, port=self.port, **self._options)
        self._controller.start()
        return self

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    @property
    def recipients(self) -> list[str]:
        return [message["To"] for message in self.messages]

    async def handle_EHLO(self, server, session, _envelope, hostname, responses) -> list[str]:
        # A session greets twice: once before TLS and once under it.
        if session.ssl is not None or "tls_context" not in self._options:
            self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server, _session, envelope, address, _options) -> str:
        answer = await self._answer(server, self.on_recipient, address)
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server, _session, envelope) -> str:
        mail = message_from_bytes(envelope.content, policy=policy.default)
        answer = await self._answer(server, self.on_data, envelope.rcpt_tos[0], mail)
        if answer.startswith("2"):
            self.messages.append(mail)
        return answer

    async def handle_QUIT(self, server, _session, _envelope) -> str:
        if self.is_rude:
            server.transport.abort()
        return "221 goodbye"

    async def _answer(self, server, decide, recipient, mail=None) -> str:
        try:
            return decide(recipient)
        except HangUp as hang_up:
            if hang_up.after_taking and mail is not None:
                self.messages.append(mail)
            server.transport.abort()
            return "421 gone"
        except Hang:
            self.hangs.set()
            await asyncio.Event().wait()
            raise


def mail_settings(port: int, **changes: str) -> dict[str, str]:
    """Return the settings for a mail server, without encryption unless `changes` sets it."""
    return {
        "MAIL_SERVER": HOST,
        "MAIL_PORT": str(port),
        "MAIL_SECURITY": "none",
        "MAIL_DEFAULT_SENDER": "no-reply@accounts.example.org",
        **changes,
    }


class Hang(Exception):
    """Never answer."""


class HangUp(Exception):
    """Drop the connection; with `after_taking`, accept the message but lose the reply."""

    def __init__(self, *, after_taking: bool = False) -> None:
        self.after_taking = after_taking


def hang(_recipient: str) -> str:
    raise Hang


def hang_up(_recipient: str) -> str:
    raise HangUp


def hang_up_after_taking(_recipient: str) -> str:
    raise HangUp(after_taking=True)


class Authority:
    """A private certificate authority, and a server's certificate from it."""

    def __init__(self, folder: Path, host: str = HOST) -> None:
        self.file = folder / "authority.pem"
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate("Test authority", key.public_key(), key, is_authority=True)
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        server_key = ec.generate_private_key(ec.SECP256R1())
        of_server = _certificate(host, server_key.public_key(), key, is_authority=False)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        chain = folder / "server.pem"
        chain.write_bytes(
            server_key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + of_server.public_bytes(serialization.Encoding.PEM)
        )
        self.context.load_cert_chain(chain)


def _certificate(name, public_key, signing_key, *, is_authority: bool) -> x509.Certificate:
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()),
            critical=False,
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=is_authority,
                crl_sign=is_authority,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if not is_authority:
        names = [x509.IPAddress(ip_address(name))] if name[0].isdigit() else [x509.DNSName(name)]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signing_key, hashes.SHA256())
