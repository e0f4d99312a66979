"""Every setting: its environment name, unit, default and refusal.

`load` turns an environment into Settings, or refuses with one line that names the setting and says
what to do. docs/configuration.md lists the same settings; a test holds the two
against each other.
"""

from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from datetime import timedelta
from typing import Any, Final

from flask import current_app

from authapp.errors import ConfigError
from authapp.readers import (
    MILLISECOND,
    NEW_SEALING_KEY,
    NEW_SECRET,
    SECOND,
    Refused,
    choice,
    database,
    duration,
    origin,
    pattern,
    region,
    regions,
    sealing_keys,
    secret,
    secrets,
    text,
    url,
    webhook_secret,
    whole,
)
from authapp.redis_url import RedisURL, redis

DEVELOPMENT: Final = "development"
PRODUCTION: Final = "production"

LOOK: Final = "look"
EVERYTHING: Final = "everything"


def setting(read: Callable[[str], Any], default: str | None, about: str, *, unit: str = "") -> Any:
    """Declare a setting; its environment name is the field's, in capitals.

    `default` is the text that stands in when the variable is missing or empty; None means that
    it must be given.
    """
    return field(metadata={"read": read, "default": default, "about": about, "unit": unit})


# fmt: off
@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting, read and checked."""

    environment: str = setting(choice(PRODUCTION, DEVELOPMENT), PRODUCTION, "`development` shows the outbox page and lets mail stay unsent; nothing else differs.")
    secret_key: str = setting(secret, None, "Signs cookies and derives the keys of refresh tokens and codes.")
    secret_key_fallbacks: list[str] = setting(secrets, "", "Former values of SECRET_KEY that are still accepted, comma-separated.")
    key_encryption_keys: list[bytes] = setting(sealing_keys, None, "Seal the private signing keys in the database; comma-separated, the first one seals.")
    cache_sealing_keys: list[bytes] = setting(sealing_keys, None, "Seal every value in Redis; comma-separated, the first one seals.")
    database_url: str = setting(database, None, "SQLAlchemy URL of PostgreSQL or of an SQLite file.")
    redis_url: RedisURL | None = setting(redis, "", "URL of Redis or Valkey; empty runs without a cache. Every process must have the same.")
    public_url: str = setting(origin, None, "Origin at which people reach the pages; links in mail start with it.")
    app_name: str = setting(pattern(r"[^\x00-\x1f\x7f<>]{1,60}", "1 to 60 printable characters"), "authapp", "The product's name, in pages and mail.")
    accent_color: str = setting(pattern(r"#[0-9a-f]{6}", "a color such as #17594a"), "#17594a", "Color of buttons and links; everything else that is coloured follows it. Dark enough to be read on a light page.")
    logo_file: str = setting(text, "", "SVG, PNG or WebP file of at most 16 KiB, shown in the header in place of the drawn mark.")
    support_address: str = setting(pattern(r"|https?://[!-~]+|[!-?A-~]+@[!-?A-~]+", "an e-mail address or a URL"), "", "Where people turn for help: an e-mail address or a URL, in pages and mail.")
    terms_url: str = setting(url("https", "http"), "", "Page with the terms of use.")
    privacy_url: str = setting(url("https", "http"), "", "Page that says what is done with people's data.")
    template_folder: str = setting(text, "", "Folder whose templates stand in for ours of the same name; `authapp/<name>` in it extends ours.")
    trusted_proxies: int = setting(whole(0, 5), "0", "How many reverse proxies in front set X-Forwarded-For and -Proto.", unit="proxies")
    jwt_algorithm: str = setting(choice("RS256", "ES256", "EdDSA"), "RS256", "Algorithm of the next signing key that is made.")
    jwt_issuer: str = setting(text, "", "`iss` of access tokens; empty means PUBLIC_URL.")
    jwt_audience: str = setting(text, "", "`aud` of access tokens; empty means PUBLIC_URL.")
    access_token_lifetime: timedelta = setting(duration(30, 3600, SECOND), "600", "How long an access token is valid.", unit="seconds")
    session_idle_lifetime: timedelta = setting(duration(60, 7_776_000, SECOND), "1209600", "A session that is kept signed in ends when unused for this long.", unit="seconds")
    session_absolute_lifetime: timedelta = setting(duration(60, 31_536_000, SECOND), "7776000", "A session that is kept signed in ends this long after the sign-in.", unit="seconds")
    session_brief_lifetime: timedelta = setting(duration(60, 604_800, SECOND), "43200", "A session that is not kept signed in ends this long after the sign-in.", unit="seconds")
    refresh_overlap: timedelta = setting(duration(0, 600, SECOND), "60", "How long the previous refresh token still yields the same successor.", unit="seconds")
    clock_skew: timedelta = setting(duration(0, 300, SECOND), "60", "How far the clocks of two hosts may differ.", unit="seconds")
    jwks_max_age: timedelta = setting(duration(0, 86_400, SECOND), "300", "How long other programs may keep the published keys.", unit="seconds")
    api_token_prefix: str = setting(pattern(r"[a-z][a-z0-9]{1,9}", "2 to 10 small letters and digits"), "aut", "First part of every API token, for secret scanners.")
    email_verification_lifetime: timedelta = setting(duration(60, 604_800, SECOND), "1800", "How long a link that verifies an e-mail address works.", unit="seconds")
    unverified_may: str = setting(choice(LOOK, EVERYTHING), LOOK, "What an account whose address is not verified may do: `look` at itself and verify, or `everything`.")
    invitation_lifetime: timedelta = setting(duration(3600, 2_592_000, SECOND), "259200", "How long the link works with which the owner of an account that an operator made chooses a password.", unit="seconds")
    password_reset_lifetime: timedelta = setting(duration(60, 86_400, SECOND), "1800", "How long a link that sets a new password works.", unit="seconds")
    not_me_lifetime: timedelta = setting(duration(3600, 2_592_000, SECOND), "604800", "How long the link of a security mail, for whoever did not do what it reports, works.", unit="seconds")
    password_freshness: timedelta = setting(duration(60, 86_400, SECOND), "900", "How long a password that was entered lets its owner change what guards the account.", unit="seconds")
    account_deletion_grace: timedelta = setting(duration(0, 7_776_000, SECOND), "1209600", "How long an account that its owner deletes can still be kept; 0 deletes it at once.", unit="seconds")
    password_min_length: int = setting(whole(8, 64), "15", "Shortest password; NIST SP 800-63B-4 asks for 15 where it is the only factor.", unit="characters")
    metrics_tokens: list[str] = setting(secrets, "", "What Prometheus may present as a Bearer token at `/metrics`, comma-separated; empty leaves that page out.")
    cache_key_prefix: str = setting(pattern(r"[A-Za-z0-9:_.-]{0,64}", "up to 64 letters, digits and :_.-"), "", "Stands before every key in Redis, for a server that is shared.")
    cache_timeout: timedelta = setting(duration(5, 5_000, MILLISECOND), "100", "How long one answer of Redis is waited for.", unit="milliseconds")
    cache_connect_timeout: timedelta = setting(duration(5, 5_000, MILLISECOND), "50", "How long a connection to Redis is waited for.", unit="milliseconds")
    cache_trust: timedelta = setting(duration(20, 5_000, MILLISECOND), "250", "How long one check of Redis and of the journal is good for.", unit="milliseconds")
    cache_local_trust: timedelta = setting(duration(0, 100, MILLISECOND), "10", "How long a process answers from its own memory after one look at the change log; every change is reported this much later. 0 switches the memory off. Every process must have the same.", unit="milliseconds")
    cache_loaders: int = setting(whole(1, 100), "4", "Most requests of one process that ask the database in place of Redis at once.", unit="connections")
    database_pool_size: int = setting(whole(1, 100), "8", "Database connections that one process keeps for everything else; in a rush it opens up to 10 more.", unit="connections")
    database_timeout: timedelta = setting(duration(1, 60, SECOND), "3", "How long a connection to the database, or a turn to use one, is waited for.", unit="seconds")
    mail_server: str = setting(text, "", "SMTP server; must be set in production.")
    mail_port: int = setting(whole(1, 65_535), "587", "Port of the SMTP server.")
    mail_security: str = setting(choice("starttls", "tls", "none"), "starttls", "How the connection to the SMTP server is protected.")
    mail_username: str = setting(text, "", "Name to sign in to the SMTP server with; empty does not sign in.")
    mail_password: str = setting(text, "", "Password to sign in to the SMTP server with.")
    mail_default_sender: str = setting(pattern(r"[^\x00-\x1f\x7f]+@[^\x00-\x1f\x7f]+", "an e-mail address"), "no-reply@localhost.localdomain", "Address that mail comes from.")
    mail_ca_file: str = setting(pattern(r"[^\x00-\x1f]*", "a path"), "", "PEM file of the private authority that vouches for the SMTP server; empty trusts the system's authorities.")
    sms_sender: str = setting(choice("none", "twilio", "webhook"), "none", "What sends text messages. Without it, production cannot verify phone numbers, and its pages say so.")
    sms_twilio_account: str = setting(pattern(r"[!-~]*", "printable ASCII"), "", "Account SID at Twilio.")
    sms_twilio_token: str = setting(pattern(r"[!-~]*", "printable ASCII"), "", "Auth token of that account.")
    sms_twilio_from: str = setting(pattern(r"[!-~]*", "printable ASCII"), "", "Number that text messages come from, or a messaging service (`MG...`).")
    sms_twilio_url: str = setting(url("https", "http"), "https://api.twilio.com", "Where Twilio's API is.")
    sms_webhook_url: str = setting(url("https", "http"), "", "Program that sends text messages; docs/operation.md says how it is asked.")
    sms_webhook_secret: bytes = setting(webhook_secret, "", "Signs the requests to that program: `whsec_` and base64 of 24 to 64 random bytes.")
    sms_daily_budget: int = setting(whole(1, 100_000_000), "1000", "Most codes that are texted in a day, whoever asks.", unit="messages")
    sms_daily_budget_per_country: int = setting(whole(1, 100_000_000), "200", "Most codes that are texted in a day to one country.", unit="messages")
    phone_default_region: str = setting(region, "GB", "Country that the phone page offers first, such as `GB`.")
    phone_regions: list[str] = setting(regions, "", "Countries whose numbers can be verified, comma-separated; empty means all.")
    delivery_timeout: timedelta = setting(duration(1, 60, SECOND), "15", "How long each step of handing a message to a mail server or a text service is waited for.", unit="seconds")
# fmt: on


def load(environ: Mapping[str, str]) -> Settings:
    """Read every setting from `environ`.

    Raises ConfigError, one line, for the first setting that is missing, malformed or unsafe.
    """
    values = {each.name: _read(each, environ) for each in fields(Settings)}
    if values["environment"] == PRODUCTION and not values["mail_server"]:
        raise ConfigError("MAIL_SERVER is missing: name the SMTP server that delivers mail")
    if values["session_idle_lifetime"] > values["session_absolute_lifetime"]:
        raise ConfigError("SESSION_IDLE_LIFETIME must not exceed SESSION_ABSOLUTE_LIFETIME")
    values["jwt_issuer"] = values["jwt_issuer"] or values["public_url"]
    values["jwt_audience"] = values["jwt_audience"] or values["public_url"]
    return Settings(**values)


def current_settings() -> Settings:
    """Return the settings of the application that is at work."""
    settings: Settings = current_app.extensions["settings"]
    return settings


def _read(declared: Field[Any], environ: Mapping[str, str]) -> Any:
    name = declared.name.upper()
    raw = environ.get(name, "").strip() or declared.metadata["default"]
    if raw is None:
        raise ConfigError(f"{name} is missing: {_how_to_make(declared)}")
    try:
        return declared.metadata["read"](raw)
    except Refused as refusal:
        raise ConfigError(f"{name} {refusal}") from None


def _how_to_make(declared: Field[Any]) -> str:
    if declared.metadata["read"] is secret:
        return f"make one with: {NEW_SECRET}"
    if declared.metadata["read"] is sealing_keys:
        return f"make one with: {NEW_SEALING_KEY}"
    return str(declared.metadata["about"])
