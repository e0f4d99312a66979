"""The translations are complete, and those that authapp reads are those that people edited."""

import pytest
from babel.messages import Catalog

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
