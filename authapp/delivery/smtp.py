"""SMTP through Flask-Mail, with what it leaves out: certificates, time-outs, a kept connection.

Flask-Mail (0.10) gives smtplib no TLS context, and smtplib then checks no certificate; it sets no
time-out; and it fails a message that was taken when the server hangs up before QUIT.
"""

import smtplib
import ssl
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import flask_mail
from flask import Flask, current_app

from authapp.config import Settings, current_settings
from authapp.delivery.failures import DeliveryFailed, Refused, ServerAway
from authapp.errors import ConfigError

_SERVICE_NOT_AVAILABLE = 421
# RFC 5321 section 4.5.3.1.10: too much for now, whatever its first digit says.
_FULL = 552


class Mailer(flask_mail.Mail):
    """Flask-Mail with connections of ours."""

    def init_app(self, app: Flask) -> Any:
        """Set the extension up; raises ConfigError if MAIL_CA_FILE cannot be used."""
        settings: Settings = app.extensions["settings"]
        if settings.mail.ca_file:
            _tls(settings.mail.ca_file)
        return super().init_app(app)

    def connect(self) -> "Connection":
        """Return a connection that is opened when the first message comes."""
        return Connection(current_app.extensions["mail"])


class Connection(flask_mail.Connection):
    """One connection for as many messages as there are; opened again where it broke."""

    host: smtplib.SMTP | None

    def __enter__(self) -> "Connection":
        self.host = None
        return self

    def __exit__(self, *_: object) -> None:
        self._hang_up()

    def configure_host(self) -> smtplib.SMTP:
        """Connect and sign in; the server must prove who it is."""
        server, tls = self.mail, _tls(current_settings().mail.ca_file)
        timeout = current_settings().mail.delivery_timeout.total_seconds()
        known_as: dict[str, Any] = {"local_hostname": _own_name(), "timeout": timeout}
        if server.use_ssl:
            host: smtplib.SMTP = smtplib.SMTP_SSL(
                server.server, server.port, context=tls, **known_as
            )
        else:
            host = smtplib.SMTP(server.server, server.port, **known_as)
        try:
            if server.use_tls:
                # Raises where the server does not offer it: nothing goes in the open instead.
                host.starttls(context=tls)
            if server.username:
                host.login(server.username, server.password or "")
        except BaseException:
            host.close()
            raise
        return host

    def deliver(self, message: flask_mail.Message) -> None:
        """Send one message; raises DeliveryFailed, and which kind says what to do about it."""
        self._open()
        try:
            self.send(message)
        except smtplib.SMTPRecipientsRefused as error:
            (code, reply) = next(iter(error.recipients.values()))
            raise _failure(code, reply) from error
        except smtplib.SMTPDataError as error:
            raise _failure(error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPResponseException as error:
            # The sender or the session: that is between the server and us.
            raise DeliveryFailed(_words(error.smtp_code, error.smtp_error)) from error
        except (smtplib.SMTPException, OSError) as error:
            self._hang_up()
            raise ServerAway(f"{type(error).__name__}: {error}") from error

    def _open(self) -> None:
        if self.host is not None and not self._is_open(self.host):
            self._hang_up()
        if self.host is None:
            try:
                self.host = self.configure_host()
            except smtplib.SMTPResponseException as error:
                raise ServerAway(_words(error.smtp_code, error.smtp_error)) from error
            except (smtplib.SMTPException, OSError, ValueError) as error:
                # ValueError: a host or a name that cannot be written as the protocol wants it.
                raise ServerAway(f"{type(error).__name__}: {error}") from error

    def _is_open(self, host: smtplib.SMTP) -> bool:
        try:
            return host.noop()[0] == 250
        except (smtplib.SMTPException, OSError):
            return False

    def _hang_up(self) -> None:
        """Close politely; what was taken is taken, whatever the server says to that."""
        host, self.host = self.host, None
        if host is None:
            return
        try:
            host.quit()
        except (smtplib.SMTPException, OSError):
            host.close()


def _own_name() -> str:
    """Return what we call ourselves; smtplib would ask DNS, however long that takes."""
    host = urlsplit(current_settings().deployment.public_url).hostname or ""
    try:
        return f"[{ip_address(host)}]"
    except ValueError:
        return host.encode("idna").decode()


def _failure(code: int, reply: Any) -> DeliveryFailed:
    """Tell a refusal for good from one for now by the reply's first digit (RFC 5321 4.2.1)."""
    words = _words(code, reply)
    if code == _SERVICE_NOT_AVAILABLE:
        return ServerAway(words)
    return Refused(words) if code >= 500 and code != _FULL else DeliveryFailed(words)


def _words(code: int, reply: Any) -> str:
    said = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
    return f"{code} {' '.join(said.split())}"


# Reading the system's authorities takes 40 ms, and most processes send no mail.
@lru_cache(maxsize=8)
def _tls(file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=file or None)
    except OSError as error:
        why = "it holds no PEM certificate" if Path(file).is_file() else "there is no such file"
        raise ConfigError(f"MAIL_CA_FILE {file} cannot be used: {why}") from error
