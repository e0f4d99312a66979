"""Settings that are valid one by one, but contradictory or unsafe together."""

import base64
import binascii
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_address
from itertools import combinations
from typing import Final
from urllib.parse import urlsplit

from authapp.config.settings import DOMAINS, OFF, PRODUCTION, SENDER_PLACEHOLDER, Settings

_SMS_NEEDS: Final = {
    "none": (),
    "twilio": ("twilio_account", "twilio_token", "twilio_from"),
    "webhook": ("webhook_url", "webhook_secret"),
}
_SMS_URLS: Final = {"none": (), "twilio": ("twilio_url",), "webhook": ("webhook_url",)}

_LEAST_WAIT: Final = timedelta(days=1)

# A previous value may still be the current one while a rotation is being prepared.
_MAY_BE_EQUAL: Final = {"SECRET_KEY", "SECRET_KEY_FALLBACKS"}


def faults(settings: Settings) -> Iterator[str]:
    """Yield one line for each fault, which names the setting and says what to do."""
    yield from _contradictions(settings)
    yield from _shared_secrets(settings)
    if settings.deployment.environment == PRODUCTION:
        yield from _unsafe_in_production(settings)


def _contradictions(settings: Settings) -> Iterator[str]:
    if settings.sessions.idle_lifetime > settings.sessions.absolute_lifetime:
        yield "SESSION_IDLE_LIFETIME must not exceed SESSION_ABSOLUTE_LIFETIME"
    if settings.languages.default not in settings.languages.offered:
        yield "DEFAULT_LANGUAGE must be one of LANGUAGES"
    if settings.accounts.second_factor == OFF and settings.accounts.second_factor_roles:
        yield (
            "SECOND_FACTOR=off requires SECOND_FACTOR_ROLES=none, because no one could set up a"
            " second factor; a password alone then opens the operators' pages"
        )
    is_limited = settings.accounts.registration == DOMAINS
    if is_limited is not bool(settings.accounts.registration_domains):
        yield "REGISTRATION=domains and REGISTRATION_DOMAINS need each other: set both or neither"
    for name in _SMS_NEEDS[settings.sms.sender]:
        if not getattr(settings.sms, name):
            yield f"SMS_{name.upper()} is missing: SMS_SENDER={settings.sms.sender} requires it"


def _shared_secrets(settings: Settings) -> Iterator[str]:
    """Compare secrets: anyone entitled to know one could misuse it as the other."""
    secrets = settings.secrets
    values = {
        "SECRET_KEY": _forms([secrets.secret_key]),
        "SECRET_KEY_FALLBACKS": _forms(secrets.secret_key_fallbacks),
        "KEY_ENCRYPTION_KEYS": set(secrets.key_encryption_keys),
        "CACHE_SEALING_KEYS": set(secrets.cache_sealing_keys),
        "METRICS_TOKENS": _forms(settings.deployment.metrics_tokens),
    }
    for name, other in combinations(values, 2):
        if {name, other} != _MAY_BE_EQUAL and values[name] & values[other]:
            yield f"{other} has a value in common with {name}: generate a separate one"


def _forms(texts: list[str]) -> set[bytes]:
    """Return the secrets as bytes, both raw and base64-decoded."""
    forms = {text.encode("utf-8", "surrogateescape") for text in texts}
    for form in list(forms):
        try:
            forms.add(base64.b64decode(form, altchars=b"-_", validate=True))
        except (binascii.Error, ValueError):
            continue
    return forms


def _unsafe_in_production(settings: Settings) -> Iterator[str]:
    mail, url = settings.mail, settings.deployment.public_url
    if url.startswith("http:") and not _is_this_host(urlsplit(url).hostname):
        yield "PUBLIC_URL must start with https:// in production: it would send cookies unencrypted"
    if not mail.server:
        yield "MAIL_SERVER is missing: set it to the SMTP server that delivers email"
    elif mail.security == "none" and not _is_this_host(mail.server):
        yield "MAIL_SECURITY must be starttls or tls in production: emails contain secret links"
    if mail.server and mail.default_sender == SENDER_PLACEHOLDER:
        yield "MAIL_DEFAULT_SENDER is missing: set it to an address in your domain"
    if timedelta(0) < settings.accounts.lost_factor_wait < _LEAST_WAIT:
        yield "LOST_FACTOR_WAIT must be 0 or at least 86400 in production: stopping it takes time"
    for name in _SMS_URLS[settings.sms.sender]:
        value = getattr(settings.sms, name)
        if value.startswith("http:") and not _is_this_host(urlsplit(value).hostname):
            yield f"SMS_{name.upper()} must start with https:// in production: texts contain codes"


def _is_this_host(name: str | None) -> bool:
    try:
        return ip_address(name or "").is_loopback
    except ValueError:
        return name == "localhost"
