"""SMTP through Flask-Mail, with certificate checks, timeouts and a reusable connection.

Flask-Mail (0.10) passes no TLS context to smtplib, which then checks no certificate. It sets no
timeout. If the server disconnects before QUIT, it reports an accepted message as failed.
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
from authapp.delivery.failures import DeliveryFailed, Refused, ServerUnavailable
from authapp.errors import ConfigError
from authapp.security.domain_names import ascii_domain

_SERVICE_NOT_AVAILABLE = 421
# RFC 5321 section 4.5.3.1.10: treated as temporary, despite its first digit.
_FULL = 552


class Mailer(flask_mail.Mail):
    """Flask-Mail with this module's connections."""

    def init_app(self, app: Flask) -> Any:
        """Set the extension up; raises ConfigError if MAIL_CA_FILE cannot be used."""
        settings: Settings = app.extensions["settings"]
        if settings.mail.ca_file:
            _tls(settings.mail.ca_file)
        return super().init_app(app)

    def connect(self) -> "Connection":
        """Return a connection that is opened when the first message is sent."""
        return Connection(current_app.extensions["mail"])


class Connection(flask_mail.Connection):
    """One connection for any number of messages; reopened if it breaks."""

    host: smtplib.SMTP | None

    def __enter__(self) -> "Connection":
        self.host = None
        return self

    def __exit__(self, *_: object) -> None:
        self._hang_up()

    def configure_host(self) -> smtplib.SMTP:
        """Connect and log in; over TLS, the server needs a valid certificate."""
        server, tls = self.mail, _tls(current_settings().mail.ca_file)
        timeout = current_settings().mail.delivery_timeout.total_seconds()
        options: dict[str, Any] = {"local_hostname": _own_name(), "timeout": timeout}
        if server.use_ssl:
            host: smtplib.SMTP = smtplib.SMTP_SSL(
                server.server, server.port, context=tls, **options
            )
        else:
            host = smtplib.SMTP(server.server, server.port, **options)
        try:
            if server.use_tls:
                # Raises if the server does not offer STARTTLS: nothing is sent unencrypted instead.
                host.starttls(context=tls)
            if server.username:
                host.login(server.username, server.password or "")
        except BaseException:
            host.close()
            raise
        return host

    def deliver(self, message: flask_mail.Message) -> None:
        """Send one message; raises DeliveryFailed, or the subclass that fits the failure."""
        self._open()
        try:
            self.send(message)
        except smtplib.SMTPRecipientsRefused as error:
            (code, reply) = next(iter(error.recipients.values()))
            raise _failure(code, reply) from error
        except smtplib.SMTPDataError as error:
            raise _failure(error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPResponseException as error:
            # The server rejected the sender or the session, not the recipient.
            raise DeliveryFailed(_describe(error.smtp_code, error.smtp_error)) from error
        except (smtplib.SMTPException, OSError) as error:
            self._hang_up()
            raise ServerUnavailable(f"{type(error).__name__}: {error}") from error

    def _open(self) -> None:
        if self.host is not None and not self._is_open(self.host):
            self._hang_up()
        if self.host is None:
            try:
                self.host = self.configure_host()
            except smtplib.SMTPResponseException as error:
                raise ServerUnavailable(_describe(error.smtp_code, error.smtp_error)) from error
            except (smtplib.SMTPException, OSError, ValueError) as error:
                # ValueError: a host or user name that cannot be encoded for the protocol.
                raise ServerUnavailable(f"{type(error).__name__}: {error}") from error

    def _is_open(self, host: smtplib.SMTP) -> bool:
        try:
            return host.noop()[0] == 250
        except (smtplib.SMTPException, OSError):
            return False

    def _hang_up(self) -> None:
        """Close the connection with QUIT; accepted messages stay accepted if that fails."""
        host, self.host = self.host, None
        if host is None:
            return
        try:
            host.quit()
        except (smtplib.SMTPException, OSError):
            host.close()


def _own_name() -> str:
    """Return the name for EHLO; by default, smtplib looks it up in DNS, with no time limit."""
    host = urlsplit(current_settings().deployment.public_url).hostname or ""
    try:
        return f"[{ip_address(host)}]"
    except ValueError:
        return ascii_domain(host)


def _failure(code: int, reply: Any) -> DeliveryFailed:
    """Return a permanent or a temporary failure, by the reply's first digit (RFC 5321 4.2.1)."""
    reason = _describe(code, reply)
    if code == _SERVICE_NOT_AVAILABLE:
        return ServerUnavailable(reason)
    return Refused(reason) if code >= 500 and code != _FULL else DeliveryFailed(reason)


def _describe(code: int, reply: Any) -> str:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
    return f"{code} {' '.join(text.split())}"


# Reading the system's authorities takes 40 ms, and most processes send no mail.
@lru_cache(maxsize=8)
def _tls(file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=file or None)
    except OSError as error:
        why = (
            "it contains no PEM certificate" if Path(file).is_file() else "the file does not exist"
        )
        raise ConfigError(f"MAIL_CA_FILE {file} cannot be used: {why}") from error
