"""The translations are complete, and those that authapp reads are those that people edited."""

import re

import pytest
from babel.messages import Catalog
from flask import Flask, render_template_string

from authapp import ROOT
from tests.translations import catalogs

LANGUAGES = catalogs.languages()


@pytest.fixture(scope="module")
def texts() -> Catalog:
    return catalogs.extract()


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalog_is_current(texts: Catalog, language: str) -> None:
    """If this fails, run `make translations`, and translate what it lists."""
    file = catalogs.file_of(language)

    catalog = catalogs.merged(language, texts)

    assert catalogs.as_po(catalog) == file.read_bytes()
    assert catalogs.as_mo(catalog) == file.with_suffix(".mo").read_bytes()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(texts: Catalog, language: str) -> None:
    assert list(catalogs.faults(catalogs.merged(language, texts))) == []


@pytest.mark.parametrize(
    ("text", "translation", "fault"),
    [
        ("Sign in", "", "is not translated"),
        ("Sign in", None, "is not translated"),
        ("To %(email)s", "An", "has the values"),
        ("To %(email)s", "An %(emial)s", "has the values"),
        ("100%% safe", "100 % sicher", "must be %%"),
        ("New? <a>Register</a>", "Neu? Registrieren", "has the tags"),
        ("New? <a>Register</a>", "Neu? <a>Registrieren<a>", "has the tags"),
        ("Error:", "Fehler: ", "space"),
        (("%(num)s code", "%(num)s codes"), ("%(num)s Code", ""), "is not translated"),
        (("%(num)s of %(x)s", "%(num)s of %(x)s"), ("Einer", "%(num)s von %(x)s"), "the values"),
    ],
)
def test_fault_is_found(text: object, translation: object, fault: str) -> None:
    catalog = Catalog(locale="de")
    catalog.add(text, translation)

    (found,) = catalogs.faults(catalog)

    assert fault in found


def test_similar_translation_has_to_be_checked() -> None:
    catalog = Catalog(locale="de")
    catalog.add("Sign in", "Abmelden", flags=["fuzzy"])

    (found,) = catalogs.faults(catalog)

    assert "fuzzy" in found


def test_form_for_one_needs_no_number() -> None:
    catalog = Catalog(locale="de")
    catalog.add(("%(num)s code", "%(num)s codes"), ("Ein Code", "%(num)s Codes"))

    assert list(catalogs.faults(catalog)) == []


# A text that only makes sense together with the link after it, or a link with the rest after it.
GLUED = re.compile(
    r"""_\("[^"]*[?:,.]"\)\ }}\s*<a\s   # "New here?" <a>
    |\)\ }}</a>[.,]                      # {{ _("register again") }}</a>.
    |_\("[^"]*,"\)""",  # "If not,"
    re.VERBOSE,
)


def test_no_sentence_is_glued_from_pieces() -> None:
    """Other languages put a link elsewhere: write `_("... <a>...</a>") | linked(url)`."""
    pages = [path for path in (ROOT / "templates").rglob("*.html") if "email" not in path.parts]

    glued = {
        f"{page.relative_to(ROOT)}: {found[0]}"
        for page in pages
        for found in GLUED.finditer(page.read_text())
    }

    assert len(pages) > 50
    assert glued == set()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_values_in_a_sentence_with_links_are_escaped(app: Flask) -> None:
    sentence = '{{ _("%(name)s, <a>go</a> or <a>stay</a>", name=name) | linked(url, "/stay") }}'

    with app.test_request_context():
        html = render_template_string(sentence, name="<a>x</a>", url='/?a=1&b="')

    assert html == (
        '&lt;a&gt;x&lt;/a&gt;, <a href="/?a=1&amp;b=&#34;">go</a> or <a href="/stay">stay</a>'
    )
