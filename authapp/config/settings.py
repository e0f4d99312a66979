"""Every setting: its environment variable, unit, default and meaning, one class per subject.

docs/configuration.md lists the same settings, and a test compares the two.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from authapp.config.limits import Limit, Network, limit, networks
from authapp.config.readers import (
    MILLISECOND,
    SECOND,
    choice,
    database,
    domains,
    duration,
    languages,
    origin,
    pattern,
    region,
    regions,
    roles,
    sealing_keys,
    secret,
    secrets,
    text,
    url,
    webhook_secret,
    whole,
    zero_or,
)
from authapp.config.redis_url import RedisURL, redis

DEVELOPMENT: Final = "development"
PRODUCTION: Final = "production"

SENDER_PLACEHOLDER: Final = "no-reply@localhost.localdomain"

OFF: Final = "off"
OPTIONAL: Final = "optional"
REQUIRED: Final = "required"

OPEN: Final = "open"
CLOSED: Final = "closed"
INVITATION: Final = "invitation"
DOMAINS: Final = "domains"

TEXT: Final = "text"
JSON: Final = "json"


def setting(
    name: str, read: Callable[[str], Any], default: str | None, about: str, *, unit: str = ""
) -> Any:
    """Declare a setting that is read from the environment variable `name`.

    `default` is the text that is read if the variable is missing or empty; None means that the
    setting is required.
    """
    return field(
        metadata={"name": name, "read": read, "default": default, "about": about, "unit": unit}
    )


# fmt: off
@dataclass(frozen=True, kw_only=True)
class Deployment:
    """Where and how the server runs."""

    environment: str = setting("ENVIRONMENT", choice(PRODUCTION, DEVELOPMENT), PRODUCTION, "`development` adds the outbox page and allows an empty MAIL_SERVER; nothing else differs.")
    public_url: str = setting("PUBLIC_URL", origin, None, "Origin of the pages, such as `https://accounts.example.org`. Links in emails start with it.")
    trusted_proxies: int = setting("TRUSTED_PROXIES", whole(0, 5), "0", "Number of reverse proxies in front of authapp that set X-Forwarded-For and X-Forwarded-Proto.", unit="proxies")
    password_hashers: int = setting("PASSWORD_HASHERS", whole(1, 64), "1", "Maximum number of passwords that one server hashes at the same time, in all workers of `python -m deploy.serve` together; other servers apply it to each process. Each needs 19 MiB and one core: leave one core for other requests. In each process, three more per hasher may wait; beyond that, a sign-in is answered with 503.", unit="passwords")
    hashing_folder: str = setting("HASHING_FOLDER", text, "", "Folder in which the processes of one server share PASSWORD_HASHERS. `python -m deploy.serve` sets it; leave it empty elsewhere.")
    request_budget: int = setting("REQUEST_BUDGET", whole(0, 1_000_000), "300", "Maximum number of requests per minute that one client may send to change something without being signed in, such as sign-ins and registrations. Counted in Redis; while Redis is away, nothing is counted. 0 turns the limit off.", unit="requests")
    release: str = setting("RELEASE", pattern(r"[!-~]{0,64}", "up to 64 printable ASCII characters"), "", "Name of the running release, such as a git revision, for `/metrics`.")
    metrics_tokens: list[str] = setting("METRICS_TOKENS", secrets, "", "Bearer tokens that Prometheus may use at `/metrics`, comma-separated. Leave empty to disable `/metrics`.")


@dataclass(frozen=True, kw_only=True)
class Logs:
    """Log lines, and the audit log."""

    format: str = setting("LOG_FORMAT", choice(TEXT, JSON), TEXT, "How log lines look: `text` for people, `json` for programs.")
    level: str = setting("LOG_LEVEL", choice("debug", "info", "warning", "error"), "info", "Least important events that are logged: `debug`, `info`, `warning` or `error`.")
    audit_retention: timedelta = setting("AUDIT_RETENTION", zero_or(duration(2_592_000, 315_360_000, SECOND)), "34560000", "Entries of the audit log that are older than this are deleted by `flask tokens purge` or `flask audit purge`. At least 30 days (2592000); 0 keeps all of them.", unit="seconds")


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """Keys that sign, seal and encrypt."""

    secret_key: str = setting("SECRET_KEY", secret, None, "Signs cookies and derives the keys for refresh tokens and codes.")
    secret_key_fallbacks: list[str] = setting("SECRET_KEY_FALLBACKS", secrets, "", "Previous values of SECRET_KEY that are still accepted, comma-separated.")
    key_encryption_keys: list[bytes] = setting("KEY_ENCRYPTION_KEYS", sealing_keys, None, "Encrypt the private signing keys, the secrets of authenticator apps and of webhooks, and the messages in the outbox. Comma-separated; the first one encrypts, all of them decrypt.")
    cache_sealing_keys: list[bytes] = setting("CACHE_SEALING_KEYS", sealing_keys, None, "Seal every value in Redis. Comma-separated; the first one seals, all of them unseal.")

    @property
    def accepted_secret_keys(self) -> list[str]:
        """SECRET_KEY, which signs everything new, and the previous values still accepted."""
        return [self.secret_key, *self.secret_key_fallbacks]


@dataclass(frozen=True, kw_only=True)
class Database:
    """The database and how long to wait for it."""

    url: str = setting("DATABASE_URL", database, None, "SQLAlchemy URL of a PostgreSQL database or an SQLite file.")
    pool_size: int = setting("DATABASE_POOL_SIZE", whole(1, 100), "8", "Maximum number of database connections that one process keeps open for changes and pages.", unit="connections")
    requests: int = setting("DATABASE_REQUESTS", whole(1, 100), "4", "Maximum number of requests in one process that use the database at the same time. Keep it below SERVE_THREADS: the other threads answer from the cache while the database hangs, and answer 503 at once if that is not enough.", unit="requests")
    timeout: timedelta = setting("DATABASE_TIMEOUT", duration(1, 60, SECOND), "3", "How long to wait for a database connection, new or from the pool.", unit="seconds")
    statement_timeout: timedelta = setting("DATABASE_STATEMENT_TIMEOUT", duration(1, 10, SECOND), "5", "How long one statement may take in PostgreSQL. One second later, authapp gives up and closes the connection.", unit="seconds")


@dataclass(frozen=True, kw_only=True)
class Cache:
    """Redis, and how long its answers are trusted."""

    url: RedisURL | None = setting("REDIS_URL", redis, "", "URL of Redis or Valkey. Leave empty to run without a cache. Must be the same for every process.")
    key_prefix: str = setting("CACHE_KEY_PREFIX", pattern(r"[A-Za-z0-9:_.-]{0,64}", "up to 64 letters, digits and :_.-"), "", "Prefix of every key in Redis, for a shared server.")
    timeout: timedelta = setting("CACHE_TIMEOUT", duration(5, 5_000, MILLISECOND), "100", "How long to wait for a response from Redis.", unit="milliseconds")
    connect_timeout: timedelta = setting("CACHE_CONNECT_TIMEOUT", duration(5, 5_000, MILLISECOND), "50", "How long to wait for a connection to Redis.", unit="milliseconds")
    trust: timedelta = setting("CACHE_TRUST", duration(20, 5_000, MILLISECOND), "250", "How long one check of Redis and the journal remains valid.", unit="milliseconds")
    local_trust: timedelta = setting("CACHE_LOCAL_TRUST", duration(0, 100, MILLISECOND), "10", "How long a process answers from its own memory after reading the change log. Every change is reported this much later. 0 turns the memory off. Must be the same for every process.", unit="milliseconds")
    loaders: int = setting("CACHE_LOADERS", whole(1, 100), "4", "Maximum number of requests in one process that query the database instead of Redis at the same time.", unit="connections")


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Access tokens, signing keys and API tokens."""

    jwt_algorithm: str = setting("JWT_ALGORITHM", choice("RS256", "ES256", "EdDSA"), "RS256", "Algorithm of new signing keys.")
    jwt_issuer: str = setting("JWT_ISSUER", text, "", "`iss` of access tokens. Defaults to PUBLIC_URL.")
    jwt_audience: str = setting("JWT_AUDIENCE", text, "", "`aud` of access tokens. Defaults to PUBLIC_URL.")
    access_token_lifetime: timedelta = setting("ACCESS_TOKEN_LIFETIME", duration(30, 3600, SECOND), "600", "How long an access token is valid.", unit="seconds")
    clock_skew: timedelta = setting("CLOCK_SKEW", duration(0, 300, SECOND), "60", "Largest allowed difference between the clocks of two hosts.", unit="seconds")
    jwks_max_age: timedelta = setting("JWKS_MAX_AGE", duration(0, 86_400, SECOND), "300", "How long other programs may cache the published keys.", unit="seconds")
    api_token_prefix: str = setting("API_TOKEN_PREFIX", pattern(r"[a-z][a-z0-9]{1,9}", "2 to 10 lowercase letters and digits"), "aut", "Prefix of every API token, for secret scanners.")


@dataclass(frozen=True, kw_only=True)
class Sessions:
    """How long a sign-in lasts."""

    idle_lifetime: timedelta = setting("SESSION_IDLE_LIFETIME", duration(60, 7_776_000, SECOND), "1209600", 'A "Keep me signed in" session ends after being idle for this long.', unit="seconds")
    absolute_lifetime: timedelta = setting("SESSION_ABSOLUTE_LIFETIME", duration(60, 31_536_000, SECOND), "7776000", 'A "Keep me signed in" session ends this long after the sign-in.', unit="seconds")
    brief_lifetime: timedelta = setting("SESSION_BRIEF_LIFETIME", duration(60, 604_800, SECOND), "43200", "Any other session ends this long after the sign-in.", unit="seconds")
    limit: int = setting("MAX_SESSIONS", whole(1, 10_000), "100", "Maximum number of active sessions of one account. A new one ends the session that was unused for longest.", unit="sessions")
    refresh_overlap: timedelta = setting("REFRESH_OVERLAP", duration(0, 600, SECOND), "60", "How long the previous refresh token still returns the same successor.", unit="seconds")


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """Passwords, links and what an account may do."""

    password_min_length: int = setting("PASSWORD_MIN_LENGTH", whole(8, 64), "15", "Minimum password length. NIST SP 800-63B-4 requires 15 where the password is the only factor.", unit="characters")
    pwned_passwords_url: str = setting("PWNED_PASSWORDS_URL", url("https", "http"), "", "URL of a service that lists passwords from data breaches, such as `https://api.pwnedpasswords.com/range`. It learns five digits of a digest of each new password. If it does not answer, the password is accepted.")
    password_freshness: timedelta = setting("PASSWORD_FRESHNESS", duration(60, 86_400, SECOND), "900", "How long after signing in or confirming with the password or a code a user can make security changes without confirming again.", unit="seconds")
    registration: str = setting("REGISTRATION", choice(OPEN, DOMAINS, INVITATION, CLOSED), OPEN, "Who can create an account on the pages. `open`: everyone. `domains`: owners of an address at one of REGISTRATION_DOMAINS. `invitation`: no one; operators invite people. `closed`: no one, and operators cannot invite either.")
    registration_domains: list[str] = setting("REGISTRATION_DOMAINS", domains, "", "Domains of the addresses that can register with REGISTRATION=domains, comma-separated, such as `example.org`. Their subdomains are not included.")
    second_factor: str = setting("SECOND_FACTOR", choice(OFF, OPTIONAL, REQUIRED), OPTIONAL, "Two-step sign-in. `optional`: users decide. `required`: users without a second factor set one up when they sign in. `off`: it is not offered; accounts that have one are still asked for it.")
    second_factor_roles: list[str] = setting("SECOND_FACTOR_ROLES", roles, "admin", "Roles whose holders need a second factor even if SECOND_FACTOR is `optional`, comma-separated. `none` for no role: a password alone then opens the operators' pages.")
    remember_device_lifetime: timedelta = setting("REMEMBER_DEVICE_LIFETIME", duration(0, 31_536_000, SECOND), "2592000", "How long a user who asks for it does not have to enter a code on a device. 0 does not offer it.", unit="seconds")
    email_verification_lifetime: timedelta = setting("EMAIL_VERIFICATION_LIFETIME", duration(60, 604_800, SECOND), "1800", "How long an email verification link is valid.", unit="seconds")
    password_reset_lifetime: timedelta = setting("PASSWORD_RESET_LIFETIME", duration(60, 86_400, SECOND), "1800", "How long a password reset link is valid.", unit="seconds")
    invitation_lifetime: timedelta = setting("INVITATION_LIFETIME", duration(3600, 2_592_000, SECOND), "259200", "How long an invitation link is valid.", unit="seconds")
    unverified_lifetime: timedelta = setting("UNVERIFIED_ACCOUNT_LIFETIME", duration(3600, 31_536_000, SECOND), "604800", "Accounts whose address was not verified for this long are deleted by `flask tokens purge`, unless a link that could verify it is still valid.", unit="seconds")
    not_me_lifetime: timedelta = setting("NOT_ME_LIFETIME", duration(3600, 2_592_000, SECOND), "604800", "How long the \"This wasn't me\" link in a security email is valid.", unit="seconds")
    email_sign_in: str = setting("EMAIL_SIGN_IN", choice("off", "on"), "off", "Whether the sign-in page offers to email a code in place of the password: `on` or `off`. NIST SP 800-63B-4 and ASVS do not accept a mailbox as a factor, so such a session has to confirm with the password or a second factor before sensitive changes.")
    lost_factor_wait: timedelta = setting("LOST_FACTOR_WAIT", duration(0, 2_592_000, SECOND), "259200", "How long an owner who knows the password but lost every second factor waits before signing in without one. The account is warned in the meantime, and can stop it. 0 turns this off.", unit="seconds")
    deletion_grace: timedelta = setting("ACCOUNT_DELETION_GRACE", duration(0, 7_776_000, SECOND), "1209600", "How long an owner can restore a deleted account. 0 deletes accounts at once.", unit="seconds")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits on attempts, such as `10/15m`: 10 at once, and then 10 more in 15 minutes."""

    trusted_networks: list[Network] = setting("TRUSTED_NETWORKS", networks, "", "Networks without limits on the wrong passwords of one client and one site, such as your office: `192.0.2.0/24,2001:db8::/32`.")
    sign_in: Limit = setting("LIMIT_SIGN_IN", limit("sign_in"), "10/15m", "Wrong passwords for one account, from all unknown browsers together or from one known browser.")
    sign_in_in_a_row: int = setting("LIMIT_SIGN_IN_IN_A_ROW", whole(3, 100), "100", "The same, without a correct password in between. Then sign-in is blocked in these browsers, until the owner resets the password or signs in on a known device.", unit="passwords")
    sign_in_by_client: Limit = setting("LIMIT_SIGN_IN_BY_CLIENT", limit("sign_in_by_client"), "50/10m", "Wrong passwords from one client (an IPv4 address or an IPv6 /64).")
    sign_in_by_site: Limit = setting("LIMIT_SIGN_IN_BY_SITE", limit("sign_in_by_site"), "200/10m", "Wrong passwords from one site (an IPv4 /24 or an IPv6 /48).")
    sign_in_by_password: Limit = setting("LIMIT_SIGN_IN_BY_PASSWORD", limit("sign_in_by_password"), "100/1h", "Accounts for which one wrong password is tried.")
    sign_in_overall: Limit = setting("LIMIT_SIGN_IN_OVERALL", limit("sign_in_overall"), "10000/10m", "Wrong passwords from all unknown browsers, for all accounts.")
    mail_by_client: Limit = setting("LIMIT_MAIL_BY_CLIENT", limit("mail_by_client"), "20/1h", "Emails that one client asks for: registrations, password resets and changes of address.")
    mail_by_site: Limit = setting("LIMIT_MAIL_BY_SITE", limit("mail_by_site"), "100/1h", "The same for one site.")
    mail_overall: Limit = setting("LIMIT_MAIL_OVERALL", limit("mail_overall"), "5000/1h", "The same for all clients.")
    mail_by_mailbox: Limit = setting("LIMIT_MAIL_BY_MAILBOX", limit("mail_by_mailbox"), "6/3h", "Emails to one mailbox because someone registered or wants one of its addresses. Any more are silently dropped.")
    reset_by_mailbox: Limit = setting("LIMIT_RESET_BY_MAILBOX", limit("reset_by_mailbox"), "3/1h", "Password reset links to one mailbox. Any more are silently dropped.")
    sign_in_codes_by_mailbox: Limit = setting("LIMIT_SIGN_IN_CODES_BY_MAILBOX", limit("sign_in_codes_by_mailbox"), "5/1h", "Sign-in codes emailed to one mailbox (EMAIL_SIGN_IN). Any more are silently dropped.")
    second_factor: Limit = setting("LIMIT_SECOND_FACTOR", limit("second_factor"), "5/15m", "Wrong codes of an authenticator app for one account, after the right password.")
    second_factor_in_a_row: int = setting("LIMIT_SECOND_FACTOR_IN_A_ROW", whole(3, 100), "100", "The same, without a correct code in between. Then only a recovery code works. Recovery codes have the same limit.", unit="codes")
    confirm_password: int = setting("LIMIT_CONFIRM_PASSWORD", whole(3, 100), "10", "Wrong passwords and codes entered in one session, without a correct one in between. Then the session ends.", unit="passwords")
    codes: Limit = setting("LIMIT_CODES", limit("code"), "5/5h", "Guesses at emailed codes of one kind for one account, over all its codes. NIST SP 800-63B-4 requires that a new code does not reset them.")
    codes_in_a_row: int = setting("LIMIT_CODES_IN_A_ROW", whole(3, 100), "100", "Wrong codes from emails, or from text messages, for one account, and over all accounts for one address or number, without a correct one in between. Then only the link in the email works.", unit="codes")
    codes_by_address: Limit = setting("LIMIT_CODES_BY_ADDRESS", limit("code_by_target"), "20/1d", "Guesses at emailed codes of one kind for one address, over all accounts.")
    phone_codes: Limit = setting("LIMIT_PHONE_CODES", limit("phone_wrong_codes"), "5/5h", "Guesses at texted codes for one account, over all its codes.")
    phone_codes_by_number: Limit = setting("LIMIT_PHONE_CODES_BY_NUMBER", limit("phone_wrong_codes_of_number"), "20/1d", "Guesses at texted codes for one number, over all accounts.")
    token_reports: Limit = setting("LIMIT_TOKEN_REPORTS", limit("token_report"), "30/1h", "Leaked API tokens that one client may report.")
    verification_emails: Limit = setting("LIMIT_VERIFICATION_EMAILS", limit("verify_email"), "5/1h", "Emails that one account may request to verify its address, with 30 seconds between them.")
    email_changes: Limit = setting("LIMIT_EMAIL_CHANGES", limit("change_email_by_user"), "5/1h", "Changes of email address that one account may request.")


@dataclass(frozen=True, kw_only=True)
class Brand:
    """Names, colors and links on the pages."""

    app_name: str = setting("APP_NAME", pattern(r"[^\x00-\x1f\x7f<>]{1,60}", "1 to 60 printable characters"), "authapp", "Product name, shown in pages and emails.")
    accent_color: str = setting("ACCENT_COLOR", pattern(r"#[0-9a-f]{6}", "a color such as #1f5fbf"), "#1f5fbf", "Color of buttons and links. Must be dark enough to read on a light page; dark pages use a lighter shade.")
    header_color: str = setting("HEADER_COLOR", pattern(r"|#[0-9a-f]{6}", "a color such as #1f5fbf"), "", "Background of the header. Leave empty to use that of the page.")
    logo_file: str = setting("LOGO_FILE", text, "", "SVG, PNG or WebP file of at most 16 KiB, shown in the header instead of the product name.")
    icon_file: str = setting("ICON_FILE", text, "", "SVG or PNG file of at most 16 KiB, shown in browser tabs instead of the default icon.")
    font_family: str = setting("FONT_FAMILY", pattern(r'|("[A-Za-z0-9 -]+"|[A-Za-z][A-Za-z -]*)(, ?("[A-Za-z0-9 -]+"|[A-Za-z][A-Za-z -]*))*', "font names as in CSS, separated by commas"), "", "Fonts of the pages, as in CSS, that devices may have installed. Leave empty for the system's own.")
    font_file: str = setting("FONT_FILE", text, "", "WOFF2 file of at most 100 KiB with the font of the pages. If a device is slow to load it, the page keeps FONT_FAMILY.")
    support_address: str = setting("SUPPORT_ADDRESS", pattern(r"|https?://[!-~]+|[!-?A-~]+@[!-?A-~]+", "an email address or a URL"), "", "Support contact shown in pages and emails: an email address or a URL.")
    security_contact: str = setting("SECURITY_CONTACT", pattern(r"|https?://[!-~]+|[!-?A-~]+@[!-?A-~]+", "an email address or a URL"), "", "Where to report a vulnerability, for /.well-known/security.txt: an email address or a URL.")
    terms_url: str = setting("TERMS_URL", url("https", "http"), "", "URL of the terms of use.")
    privacy_url: str = setting("PRIVACY_URL", url("https", "http"), "", "URL of the privacy policy.")
    template_folder: str = setting("TEMPLATE_FOLDER", text, "", "Folder with templates that override the built-in ones of the same name. They can extend a built-in template as `authapp/<name>`. The start page redirects to sign-in unless the folder has a template for `home`.")


@dataclass(frozen=True, kw_only=True)
class Languages:
    """The languages of pages, emails and text messages."""

    offered: list[str] = setting("LANGUAGES", languages, "en,de,es,fr,ar", "Languages that users can choose from, comma-separated.")
    default: str = setting("DEFAULT_LANGUAGE", text, "en", "Language for visitors whose browser accepts none of LANGUAGES, and for accounts without a language. Must be one of LANGUAGES.")


@dataclass(frozen=True, kw_only=True)
class Mail:
    """The SMTP server."""

    server: str = setting("MAIL_SERVER", text, "", "SMTP server. Required in production.")
    port: int = setting("MAIL_PORT", whole(1, 65_535), "587", "Port of the SMTP server.")
    security: str = setting("MAIL_SECURITY", choice("starttls", "tls", "none"), "starttls", "Encryption of the SMTP connection: `starttls`, `tls` or `none`.")
    username: str = setting("MAIL_USERNAME", text, "", "SMTP user name. Leave empty to connect without authentication.")
    password: str = setting("MAIL_PASSWORD", text, "", "SMTP password.")
    default_sender: str = setting("MAIL_DEFAULT_SENDER", pattern(r"[^\x00-\x1f\x7f]+@[^\x00-\x1f\x7f]+", "an email address"), SENDER_PLACEHOLDER, "Sender address of emails. Required in production.")
    ca_file: str = setting("MAIL_CA_FILE", pattern(r"[^\x00-\x1f]*", "a path"), "", "PEM file of a private certificate authority for the SMTP server. Leave empty to use the system's authorities.")
    delivery_timeout: timedelta = setting("DELIVERY_TIMEOUT", duration(1, 60, SECOND), "15", "How long to wait for each step of handing a message to a mail server or text message service, and for a webhook's whole response.", unit="seconds")


@dataclass(frozen=True, kw_only=True)
class Sms:
    """Text messages and phone numbers."""

    sender: str = setting("SMS_SENDER", choice("none", "twilio", "webhook"), "none", "How text messages are sent: `none`, `twilio` or `webhook`. With `none`, phone numbers cannot be verified in production, and the pages say so.")
    twilio_account: str = setting("SMS_TWILIO_ACCOUNT", pattern(r"[!-~]*", "printable ASCII"), "", "Twilio account SID.")
    twilio_token: str = setting("SMS_TWILIO_TOKEN", pattern(r"[!-~]*", "printable ASCII"), "", "Twilio auth token.")
    twilio_from: str = setting("SMS_TWILIO_FROM", pattern(r"[!-~]*", "printable ASCII"), "", "Twilio sender number or messaging service (`MG...`).")
    twilio_url: str = setting("SMS_TWILIO_URL", url("https", "http"), "https://api.twilio.com", "Base URL of the Twilio API.")
    webhook_url: str = setting("SMS_WEBHOOK_URL", url("https", "http"), "", "URL of your program that sends text messages. docs/operation.md describes the request.")
    webhook_secret: bytes = setting("SMS_WEBHOOK_SECRET", webhook_secret, "", "Signs the requests to SMS_WEBHOOK_URL: `whsec_` followed by 24 to 64 random bytes in base64.")
    daily_budget: int = setting("SMS_DAILY_BUDGET", whole(1, 100_000_000), "1000", "Maximum number of codes texted per day, to all users together.", unit="messages")
    daily_budget_per_country: int = setting("SMS_DAILY_BUDGET_PER_COUNTRY", whole(1, 100_000_000), "200", "Maximum number of codes texted per day to one country.", unit="messages")
    daily_budget_per_client: int = setting("SMS_DAILY_BUDGET_PER_CLIENT", whole(1, 100_000_000), "10", "Maximum number of codes that one client may request per day, for all numbers. Its /24 or /48 network may request twice as many.", unit="messages")
    default_region: str = setting("PHONE_DEFAULT_REGION", region, "GB", "Country preselected on the phone page, such as `GB`.")
    regions: list[str] = setting("PHONE_REGIONS", regions, "", "Countries whose numbers can be verified, comma-separated. `*` allows every country. Leave empty to allow only PHONE_DEFAULT_REGION.")


@dataclass(frozen=True, kw_only=True)
class Webhooks:
    """Where events may be sent."""

    networks: list[Network] = setting("WEBHOOK_NETWORKS", networks, "", "Internal networks that webhooks may be sent to, comma-separated, such as `10.1.0.0/16`. Plain HTTP is allowed to this machine only, and needs `127.0.0.0/8`, and `::1/128` for `localhost`.")
    ca_file: str = setting("WEBHOOK_CA_FILE", pattern(r"[^\x00-\x1f]*", "a path"), "", "PEM file of a private certificate authority for endpoints of webhooks, accepted in addition to the system's.")


@dataclass(frozen=True, kw_only=True)
class Imports:
    """Secrets of the systems that accounts came from, for password hashes that need them."""

    devise_pepper: str = setting("IMPORT_DEVISE_PEPPER", text, "", "Devise's `pepper`, if it had one. Required until the owner of every account that was imported with `--from devise` has signed in.")
    flask_security_salt: str = setting("IMPORT_FLASK_SECURITY_SALT", text, "", "Flask-Security's `SECURITY_PASSWORD_SALT`, for accounts imported with `--from flask-security`.")
    firebase_signer_key: str = setting("IMPORT_FIREBASE_SIGNER_KEY", pattern(r"|(?:[A-Za-z0-9+/]{4}){5,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", "base64"), "", "Firebase's `base64_signer_key`, for accounts imported with `--from firebase`.")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting, read and checked."""

    deployment: Deployment
    logs: Logs
    secrets: Secrets
    database: Database
    cache: Cache
    tokens: Tokens
    sessions: Sessions
    accounts: Accounts
    limits: Limits
    brand: Brand
    languages: Languages
    mail: Mail
    sms: Sms
    webhooks: Webhooks
    imports: Imports
# fmt: on
