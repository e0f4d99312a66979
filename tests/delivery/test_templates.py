"""Mails say the same in text and HTML, and load nothing from other servers."""

import re
from pathlib import Path

import pytest
from flask import Flask, render_template

from authapp import ROOT

FOLDER = ROOT / "templates" / "email"
MESSAGES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
SENTENCE = re.compile(r'_\(\s*"((?:[^"\\]|\\.)*)"')
BUTTON = re.compile(r'parts\.button\(\w+, _\("[^"]*"\)\)')
LINK = re.compile(r"{{ (\w*link) }}")
LED_TO = re.compile(r"parts\.(?:button|link)\((\w+),")


def sentences(template: str) -> list[str]:
    """Return the sentences of a mail, without the wording that points to a link."""
    said = SENTENCE.findall(BUTTON.sub("", template))
    return sorted(re.sub(r"( here)?[.:]$", "", sentence) for sentence in said)


def text_of(file: Path) -> str:
    """Return the text of a template and of those it extends."""
    text = file.read_text()
    found = re.search(r'{% extends "(email/notice\.\w+)" %}', text)
    return text + ((ROOT / "templates" / found[1]).read_text() if found else "")


@pytest.mark.parametrize("message", MESSAGES)
def test_text_and_html_say_the_same(message: str) -> None:
    text = text_of(FOLDER / message / "body.txt")
    html = text_of(FOLDER / message / "body.html")

    assert sentences(text)
    assert sentences(text) == sentences(html)
    assert set(LINK.findall(text)) == set(LED_TO.findall(html))
    assert (FOLDER / message / "subject.txt").read_text().strip()


@pytest.mark.parametrize("file", sorted(FOLDER.rglob("*.html")), ids=lambda file: file.name)
def test_mails_load_no_images_or_other_resources(file: Path) -> None:
    assert not re.search(r"<img|<script|<link|url\(|src=|http[s]?:", file.read_text())


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(1, "1 minute"), (90, "90 minutes"), (60, "1 hour"), (1440, "24 hours"), (10080, "7 days")],
)
def test_a_lifetime_is_shown_in_its_largest_whole_unit(app: Flask, minutes: int, said: str) -> None:
    context = {"email": "somebody@example.org", "link": "https://x.example", "code": "123456"}

    with app.test_request_context():
        text = render_template("email/verify_email/body.txt", expires_minutes=minutes, **context)

    assert f"It expires in {said} and works once:" in text
