"""The configurable brand: what pages and mails show, and which settings are refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
from coloraide import Color
from flask import Flask

from authapp.errors import ConfigError
from authapp.web import palette
from tests.support.browsing import post

MakeApp = Callable[..., Flask]


@pytest.mark.parametrize("accent", ["#17594a", "#0b3d91", "#8a1c1c", "#5b21b6", "#000000"])
def test_derived_colors_have_readable_contrast(accent: str) -> None:
    light, dark = palette.light(accent), palette.dark(accent)

    for text, ground in [
        (light.accent, "#f2f0e9"), (light.accent_strong, "#f2f0e9"), ("#ffffff", light.accent),
        ("#f6f4ed", light.band), (dark.accent, "#1a221f"), (dark.on_accent, dark.accent),
        (dark.accent_strong, "#1a221f"), ("#e8ede9", dark.band),
    ]:  # fmt: skip
        assert Color(text).contrast(ground) >= palette.TEXT_CONTRAST


def test_an_accent_with_too_little_contrast_prevents_startup(make_app: MakeApp) -> None:
    with pytest.raises(ConfigError, match=r"^ACCENT_COLOR #ffcc00 .* darker"):
        make_app(ACCENT_COLOR="#ffcc00")


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


def test_a_logo_is_served_and_shown(make_app: MakeApp, tmp_path: Path) -> None:
    file = tmp_path / "logo.svg"
    file.write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    client = make_app(LOGO_FILE=str(file)).test_client()

    answer = client.get("/logo")

    assert 'src="/logo"' in client.get("/").get_data(as_text=True)
    assert answer.data == file.read_bytes()
    assert answer.mimetype == "image/svg+xml"
    assert client.get("/logo", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_the_logo_page_does_not_exist_without_a_logo(make_app: MakeApp) -> None:
    assert make_app().test_client().get("/logo").status_code == 404


@pytest.mark.parametrize("name", ["logo.exe", "missing.svg", "large.png"])
def test_an_unusable_logo_prevents_startup(make_app: MakeApp, tmp_path: Path, name: str) -> None:
    (tmp_path / "large.png").write_bytes(bytes(17 * 1024))
    (tmp_path / "logo.exe").write_bytes(b"MZ")

    with pytest.raises(ConfigError, match=r"^LOGO_FILE"):
        make_app(LOGO_FILE=str(tmp_path / name))


def test_custom_templates_override_and_can_extend_the_originals(
    make_app: MakeApp, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "show.html").write_text(
        '{% extends "authapp/home/show.html" %}{% block main %}Hello.{{ super() }}{% endblock %}'
    )
    client = make_app(TEMPLATE_FOLDER=str(tmp_path)).test_client()

    home = client.get("/").get_data(as_text=True)

    assert "Hello." in home
    assert "One account" in home
    assert client.get("/login").status_code == 200


def test_a_missing_template_folder_prevents_startup(make_app: MakeApp, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^TEMPLATE_FOLDER"):
        make_app(TEMPLATE_FOLDER=str(tmp_path / "nope"))
