"""Settings: what is refused, and that the documentation lists them all."""

import base64
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from authapp import ROOT
from authapp.config import Settings, load
from authapp.config.redis_url import Form
from authapp.config.settings import Limits
from authapp.errors import ConfigError
from tests.support.applications import settings

GOOD = settings("sqlite:////tmp/never-opened.db", "")


def declared() -> dict[str, Mapping[str, Any]]:
    """Return what is declared of each setting, by the name of its environment variable."""
    subjects = [subject.type for subject in fields(Settings)]
    return {each.metadata["name"]: each.metadata for s in subjects for each in fields(s)}


SHORT_KEY = base64.urlsafe_b64encode(b"short").decode()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", "x" * 64),
        ("SECRET_KEY", "change-me-please-0123456789-abcdefghij"),
        ("SECRET_KEY_FALLBACKS", "short"),
        ("KEY_ENCRYPTION_KEYS", ""),
        ("KEY_ENCRYPTION_KEYS", "not base64!"),
        ("KEY_ENCRYPTION_KEYS", SHORT_KEY),
        ("CACHE_SEALING_KEYS", base64.urlsafe_b64encode(bytes(32)).decode()),
        ("DATABASE_URL", ""),
        ("DATABASE_URL", "mysql://somewhere/db"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "\udcff\x00"),
        ("REDIS_URL", "http://127.0.0.1:6379"),
        ("REDIS_URL", "redis://127.0.0.1:nine"),
        ("REDIS_URL", "redis://127.0.0.1:99999"),
        ("REDIS_URL", "redis://"),
        ("REDIS_URL", "redis://one,another/0"),
        ("REDIS_URL", "redis://127.0.0.1/cache"),
        ("REDIS_URL", "redis://127.0.0.1?db=x"),
        ("REDIS_URL", "redis://127.0.0.1?decode_responses=true"),
        ("REDIS_URL", "redis://127.0.0.1?ssl_cert_reqs=none"),
        ("REDIS_URL", "rediss://127.0.0.1?ssl_cert_reqs=maybe"),
        ("REDIS_URL", "redis://somebody@else@127.0.0.1"),
        ("REDIS_URL", "unix://"),
        ("REDIS_URL", "redis+sentinel://127.0.0.1:26379"),
        ("REDIS_URL", "redis+sentinel://,/name"),
        ("REDIS_URL", "redis+cluster://127.0.0.1:6379/1"),
        ("REDIS_URL", "redis+ring://127.0.0.1:6379"),
        ("REDIS_URL", "\udcff\x00"),
        ("PUBLIC_URL", "https://example.org/path"),
        ("PUBLIC_URL", "ftp://example.org"),
        ("PUBLIC_URL", "http://[half"),
        ("APP_NAME", "x" * 61),
        ("ENVIRONMENT", "staging"),
        ("MAIL_PORT", "0"),
        ("MAIL_PORT", "٣"),
        ("ACCESS_TOKEN_LIFETIME", "-5"),
        ("AUDIT_RETENTION", "400"),
        ("AUDIT_RETENTION", "2591999"),
        ("SESSION_IDLE_LIFETIME", "7776000000"),
        ("JWT_ALGORITHM", "HS256"),
        ("API_TOKEN_PREFIX", "A_"),
        ("LIMIT_SIGN_IN", "10"),
        ("LIMIT_SIGN_IN", "0/15m"),
        ("LIMIT_SIGN_IN", "10/15"),
        ("LIMIT_SIGN_IN", "10/0m"),
        ("LIMIT_SIGN_IN", "10/400d"),
        ("LIMIT_SIGN_IN", "2000/1s"),
        ("LIMIT_SIGN_IN", "\u0661/1m"),
        ("LIMIT_SIGN_IN_IN_A_ROW", "101"),
        ("TRUSTED_NETWORKS", "192.0.2.1/24"),
        ("TRUSTED_NETWORKS", "localhost"),
    ],
)
def test_invalid_value_is_refused_in_one_line_that_names_the_setting(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load({**GOOD, name: value})

    assert str(refusal.value).startswith(name)
    assert "\n" not in str(refusal.value)


LIVE = {
    **{name: value for name, value in GOOD.items() if name != "ENVIRONMENT"},
    "PUBLIC_URL": "https://accounts.example.org",
    "MAIL_SERVER": "smtp.example.org",
    "MAIL_DEFAULT_SENDER": "no-reply@example.org",
}
KEY = base64.urlsafe_b64encode(bytes(range(64, 96))).decode()
WEBHOOK_SECRET = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
TEXTED = {"SMS_SENDER": "webhook", "SMS_WEBHOOK_SECRET": WEBHOOK_SECRET}


def test_a_setting_can_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret_key"
    file.write_text(GOOD["SECRET_KEY"] + "\n")
    given = {**GOOD, "SECRET_KEY": "", "SECRET_KEY_FILE": str(file)}

    assert load(given).secrets.secret_key == GOOD["SECRET_KEY"]


def test_the_file_of_the_fallbacks_may_be_empty(tmp_path: Path) -> None:
    """SIGHUP does not change the environment, so it must be set before there are any."""
    file = tmp_path / "fallbacks"
    file.write_text("\n")

    assert load({**GOOD, "SECRET_KEY_FALLBACKS_FILE": str(file)}).secrets.secret_key_fallbacks == []


@pytest.mark.parametrize(
    ("content", "changes", "said"),
    [
        (b"x", {"SECRET_KEY": GOOD["SECRET_KEY"]}, "is set twice: remove SECRET_KEY or"),
        (None, {}, "cannot be read from '{file}': No such file or directory"),
        (b"\xff\xfe", {}, "cannot be read from '{file}': it is not a text file"),
        (b" \n", {}, "is empty in '{file}'"),
        (b"short", {}, "is shorter than 32 characters"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(
    tmp_path: Path, content: bytes | None, changes: dict[str, str], said: str
) -> None:
    file = tmp_path / "secret_key"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ConfigError) as refusal:
        load({**GOOD, "SECRET_KEY": "", "SECRET_KEY_FILE": str(file), **changes})

    assert str(refusal.value).startswith(f"SECRET_KEY {said.format(file=file)}")
    assert "\n" not in str(refusal.value)


def test_production_is_the_default() -> None:
    assert load(LIVE).deployment.environment == "production"


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("MAIL_SERVER", {"MAIL_SERVER": ""}),
        ("MAIL_DEFAULT_SENDER", {"MAIL_DEFAULT_SENDER": ""}),
        ("MAIL_SECURITY", {"MAIL_SECURITY": "none"}),
        ("PUBLIC_URL", {"PUBLIC_URL": "http://accounts.example.org"}),
        ("PUBLIC_URL", {"PUBLIC_URL": "http://203.0.113.8"}),
        ("SMS_WEBHOOK_URL", {**TEXTED, "SMS_WEBHOOK_URL": "http://texts.example.org"}),
    ],
)
def test_unsafe_setting_is_refused_in_production(name: str, changes: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as refusal:
        load({**LIVE, **changes})

    assert str(refusal.value).startswith(name)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"PUBLIC_URL": "http://127.0.0.1:5000"},
        {"PUBLIC_URL": "http://[::1]:5000"},
        {"MAIL_SERVER": "localhost", "MAIL_SECURITY": "none"},
        {**TEXTED, "SMS_WEBHOOK_URL": "http://127.0.0.1:9000"},
    ],
)
def test_nothing_needs_encryption_on_its_own_host(changes: dict[str, str]) -> None:
    assert load({**LIVE, **changes})


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("CACHE_SEALING_KEYS", {"CACHE_SEALING_KEYS": GOOD["KEY_ENCRYPTION_KEYS"]}),
        ("CACHE_SEALING_KEYS", {"KEY_ENCRYPTION_KEYS": KEY, "CACHE_SEALING_KEYS": f"{KEY},{KEY}"}),
        ("KEY_ENCRYPTION_KEYS", {"SECRET_KEY": KEY, "KEY_ENCRYPTION_KEYS": KEY}),
        ("KEY_ENCRYPTION_KEYS", {"SECRET_KEY_FALLBACKS": KEY, "KEY_ENCRYPTION_KEYS": KEY}),
        ("METRICS_TOKENS", {"METRICS_TOKENS": GOOD["SECRET_KEY"]}),
        ("METRICS_TOKENS", {"METRICS_TOKENS": GOOD["CACHE_SEALING_KEYS"]}),
    ],
)
def test_secret_with_two_purposes_is_refused(name: str, changes: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as refusal:
        load({**GOOD, **changes})

    assert str(refusal.value).startswith(name)


def test_previous_secret_may_still_be_the_current_one() -> None:
    assert load({**GOOD, "SECRET_KEY_FALLBACKS": GOOD["SECRET_KEY"]})


def test_every_unsafe_setting_is_reported() -> None:
    unsafe = {"MAIL_SERVER": "", "PUBLIC_URL": "http://example.org", "METRICS_TOKENS": KEY,
              "CACHE_SEALING_KEYS": KEY}  # fmt: skip

    with pytest.raises(ConfigError) as refusal:
        load({**LIVE, **unsafe})

    named = [line.split()[0] for line in str(refusal.value).splitlines()]
    assert named == ["METRICS_TOKENS", "PUBLIC_URL", "MAIL_SERVER"]


def test_entry_point_names_every_missing_setting() -> None:
    given = {name: value for name, value in os.environ.items() if name not in GOOD}

    ended = subprocess.run(
        [sys.executable, "-c", "import wsgi"], cwd=ROOT, env=given, capture_output=True, text=True
    )

    assert ended.returncode == 1
    assert ended.stderr.startswith("authapp cannot start: PUBLIC_URL is missing")
    required = [name for name, each in declared().items() if each["default"] is None]
    assert [
        line.split(" is missing")[0].split()[-1] for line in ended.stderr.splitlines()
    ] == required


def test_documentation_and_code_name_the_same_settings() -> None:
    table = (ROOT / "docs" / "configuration.md").read_text()
    documented = dict(re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", table, re.MULTILINE))

    assert list(documented) == list(declared())
    for name, default in documented.items():
        expected = declared()[name]["default"]
        assert default == ("required" if expected is None else f"`{expected}`" if expected else "")


def test_readme_names_only_existing_targets() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *Path(ROOT / "docs").rglob("*.md")]
    named = {t for page in pages for t in re.findall(r"`make ([a-z-]+)`", page.read_text())}

    assert named
    assert named <= targets


def test_documentation_links_are_not_broken() -> None:
    pages = [*ROOT.glob("*.md"), *Path(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for link in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


REDIS_URLS = {
    "redis://127.0.0.1": (Form.SERVER, [("127.0.0.1", 6379)]),
    "redis://:p%40ss@127.0.0.1:1/3": (Form.SERVER, [("127.0.0.1", 1)]),
    "rediss://[::1]:6380/0?ssl_cert_reqs=none": (Form.SERVER, [("::1", 6380)]),
    "unix:///run/redis.sock?db=2": (Form.SERVER, []),
    "redis+sentinel://one,two:2/accounts?db=1": (Form.SENTINEL, [("one", 26379), ("two", 2)]),
    "rediss+cluster://u:p@one:1,two": (Form.CLUSTER, [("one", 1), ("two", 6379)]),
}


@pytest.mark.parametrize("value", REDIS_URLS)
def test_each_form_of_redis_url_is_parsed(value: str) -> None:
    form, hosts = REDIS_URLS[value]

    read = load({**GOOD, "REDIS_URL": value}).cache.url

    assert read is not None
    assert (read.form, list(read.hosts)) == (form, hosts)
    assert "p%40ss" not in repr(read)
    assert "p@ss" not in repr(read)


def test_every_limit_limits_something() -> None:
    code = "".join(file.read_text() for file in (ROOT / "authapp").rglob("*.py"))

    assert [each.name for each in fields(Limits) if f"limits.{each.name}" not in code] == []
