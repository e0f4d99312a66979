"""The configurable brand: what pages and mails show, and which settings are refused."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from coloraide import Color
from flask import Flask

from authapp.errors import ConfigError
from authapp.web import palette
from tests.support.browsing import post
from tests.support.on_sqlite import on_sqlite

MakeApp = Callable[..., Flask]


@pytest.mark.parametrize(
    "accent", ["#1f5fbf", "#17594a", "#0b3d91", "#8a1c1c", "#5b21b6", "#000000"]
)
def test_derived_colors_have_readable_contrast(accent: str) -> None:
    light, dark = palette.light(accent), palette.dark(accent)

    for text, ground in [
        (light.accent, "#f6f7f9"), (light.accent_strong, "#f6f7f9"), ("#ffffff", light.accent),
        (light.on_band, light.band), (dark.accent, "#171b20"), (dark.on_accent, dark.accent),
        (dark.accent_strong, "#171b20"), (dark.on_band, dark.band),
    ]:  # fmt: skip
        assert Color(text).contrast(ground) >= palette.TEXT_CONTRAST


@pytest.mark.parametrize("header", ["#000000", "#808080", "#ffcc00", "#0b3d91", "#ffffff"])
def test_text_on_a_colored_header_is_readable(header: str) -> None:
    for scheme in (palette.light("#0b3d91", header), palette.dark("#0b3d91", header)):
        assert scheme.band == header
        assert Color(scheme.on_band).contrast(header) >= palette.TEXT_CONTRAST


@on_sqlite
def test_an_accent_with_too_little_contrast_prevents_startup(make_app: MakeApp) -> None:
    with pytest.raises(ConfigError, match=r"^ACCENT_COLOR #ffcc00 .* darker"):
        make_app(ACCENT_COLOR="#ffcc00")


@on_sqlite
def test_pages_and_mails_show_the_brand(make_app: MakeApp) -> None:
    client = make_app(
        APP_NAME="Bücher & Co",
        ACCENT_COLOR="#0b3d91",
        SUPPORT_ADDRESS="help@books.example",
        TERMS_URL="https://books.example/terms",
        PRIVACY_URL="https://books.example/privacy",
    ).test_client()

    answer = client.get("/register")
    page = answer.get_data(as_text=True)
    post(client, "/register", email="new@example.org", password="a fine long password of mine")
    mail = client.get("/dev/outbox.json").get_json()[0]

    assert "Bücher &amp; Co" in page
    assert "--accent:#0b3d91" in page
    assert 'href="mailto:help@books.example"' in page
    assert page.count("https://books.example/terms") == 2
    assert page.count("https://books.example/privacy") == 2
    assert "#0b3d91" in client.get("/icon.svg").get_data(as_text=True)
    assert "Bücher & Co" in mail["subject"]
    assert "help@books.example" in mail["body"]


@on_sqlite
def test_a_logo_is_served_and_shown(make_app: MakeApp, tmp_path: Path) -> None:
    file = tmp_path / "logo.svg"
    file.write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    client = make_app(LOGO_FILE=str(file)).test_client()

    answer = client.get("/logo")

    assert 'src="/logo"' in client.get("/login").get_data(as_text=True)
    assert answer.data == file.read_bytes()
    assert answer.mimetype == "image/svg+xml"
    assert client.get("/logo", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


@on_sqlite
def test_an_icon_and_a_font_are_served_and_used(make_app: MakeApp, tmp_path: Path) -> None:
    (tmp_path / "icon.png").write_bytes(b"\x89PNG")
    (tmp_path / "font.woff2").write_bytes(b"wOF2")
    client = make_app(
        ICON_FILE=str(tmp_path / "icon.png"),
        FONT_FILE=str(tmp_path / "font.woff2"),
        FONT_FAMILY='"Source Sans 3", Inter',
    ).test_client()

    icon, font = client.get("/icon.svg"), client.get("/font.woff2")
    page = client.get("/login").get_data(as_text=True)

    assert (icon.data, icon.mimetype) == (b"\x89PNG", "image/png")
    assert (font.data, font.mimetype) == (b"wOF2", "font/woff2")
    assert re.search(r'href="/icon.svg"\s+type="image/png"', page)
    assert '--font:brand-font,"Source Sans 3", Inter,system-ui,sans-serif;' in page
    assert "src:url(/font.woff2)" in page


@on_sqlite
def test_files_that_are_not_configured_do_not_exist(make_app: MakeApp) -> None:
    client = make_app().test_client()

    assert client.get("/logo").status_code == 404
    assert client.get("/font.woff2").status_code == 404
    assert "--font:" not in client.get("/login").get_data(as_text=True)


@on_sqlite
@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ("LOGO_FILE", "file.exe"),
        ("LOGO_FILE", "missing.svg"),
        ("LOGO_FILE", "large.png"),
        ("ICON_FILE", "file.webp"),
        ("FONT_FILE", "file.ttf"),
        ("FONT_FILE", "large.woff2"),
    ],
)
def test_an_unusable_file_prevents_startup(
    make_app: MakeApp, tmp_path: Path, setting: str, name: str
) -> None:
    (tmp_path / "large.png").write_bytes(bytes(17 * 1024))
    (tmp_path / "large.woff2").write_bytes(bytes(101 * 1024))
    for suffix in ("exe", "webp", "ttf"):
        (tmp_path / f"file.{suffix}").write_bytes(b"MZ")

    with pytest.raises(ConfigError, match=f"^{setting}"):
        make_app(**{setting: str(tmp_path / name)})


@on_sqlite
def test_visitors_begin_at_sign_in(make_app: MakeApp) -> None:
    assert make_app().test_client().get("/").headers["Location"] == "/login"


@on_sqlite
def test_custom_templates_override_and_can_extend_the_originals(
    make_app: MakeApp, tmp_path: Path
) -> None:
    for name, text in (("home", "Welcome."), ("login", "Hello.{{ super() }}")):
        (tmp_path / name).mkdir()
        parent = "base.html" if name == "home" else "authapp/login/show.html"
        (tmp_path / name / "show.html").write_text(
            f'{{% extends "{parent}" %}}{{% block main %}}{text}{{% endblock %}}'
        )
    client = make_app(TEMPLATE_FOLDER=str(tmp_path)).test_client()

    login = client.get("/login").get_data(as_text=True)

    assert "Hello." in login
    assert "Forgot your password?" in login
    assert "Welcome." in client.get("/").get_data(as_text=True)
    assert client.get("/register").status_code == 200


@on_sqlite
def test_a_missing_template_folder_prevents_startup(make_app: MakeApp, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^TEMPLATE_FOLDER"):
        make_app(TEMPLATE_FOLDER=str(tmp_path / "nope"))
