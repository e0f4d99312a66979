"""Extracts the texts of authapp, and reads, merges, checks and compiles their translations."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from authapp import ROOT
from authapp.language import FOLDER, SOURCE, catalogue_file

_KEYWORDS: Final = {
    "_": None,
    "_l": None,
    "gettext": None,
    "lazy_gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}
_TEMPLATES: Final = [("**.html", "jinja2"), ("**.txt", "jinja2")]
_OPTIONS: Final = {"**.html": {"silent": "false"}, "**.txt": {"silent": "false"}}

# A date in the header would change with every run.
_NO_DATE: Final = datetime(2026, 12, 1, tzinfo=UTC)

_PLACEHOLDER: Final = re.compile(r"%\((\w+)\)s")
_TAG: Final = re.compile(r"</?\w[^>]*>")


def languages() -> list[str]:
    """Return the languages that have a catalog."""
    return sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


def file_of(language: str) -> Path:
    """Return the file with a language's translations, which people edit."""
    return catalogue_file(language).with_suffix(".po")


def extract() -> Catalog:
    """Return all texts that a reader can see."""
    catalog = Catalog(project="authapp", creation_date=_NO_DATE, revision_date=_NO_DATE)
    sources = [
        ("authapp", [("**.py", "python")], {}),
        ("templates", _TEMPLATES, _OPTIONS),
    ]
    for folder, methods, options in sources:
        found = extract_from_dir(
            ROOT / folder,
            methods,
            options,
            keywords=_KEYWORDS,
            comment_tags=("Translators:",),
            strip_comment_tags=True,
        )
        for file, _line, text, comments, context in found:
            where = [(f"{folder}/{file}", 0)]
            catalog.add(text, None, where, auto_comments=comments, context=context)
    return catalog


def merged(language: str, texts: Catalog) -> Catalog:
    """Return a language's translations, for the texts as they are now."""
    with file_of(language).open("rb") as file:
        catalog = _with_header(read_po(file, locale=language))
    catalog.update(texts, update_creation_date=False)
    catalog.obsolete.clear()
    return catalog


def new(language: str) -> Catalog:
    """Return an empty catalog."""
    return _with_header(Catalog(locale=language, creation_date=_NO_DATE, revision_date=_NO_DATE))


def as_po(catalog: Catalog) -> bytes:
    """Return a catalog as the file that people edit."""
    target = BytesIO()
    write_po(target, catalog, width=100, sort_output=True, no_location=True)
    return target.getvalue()


def as_mo(catalog: Catalog) -> bytes:
    """Return a catalog as the file that authapp reads."""
    target = BytesIO()
    write_mo(target, catalog)
    return target.getvalue()


def faults(catalog: Catalog) -> Iterator[str]:
    """Yield one line for each text that is not translated, or not rightly."""
    for message in catalog:
        if message.id:
            for fault in _faults(message, catalog.num_plurals):
                yield f"{catalog.locale}: {_first(message.id)!r}: {fault}"


def _with_header(catalog: Catalog) -> Catalog:
    """Replace what Babel writes about a catalog that has no description."""
    catalog.header_comment = f"# The {catalog.locale.english_name} texts of authapp."
    catalog.project, catalog.version = "authapp", "1"
    catalog.msgid_bugs_address = catalog.last_translator = "authapp"
    catalog.language_team, catalog.fuzzy = catalog.locale.english_name, False
    return catalog


def _faults(message: Message, plurals: int) -> Iterator[str]:
    # Babel has None for a text that was just added.
    forms = _all(message.string or "")
    if message.fuzzy:
        yield "is only similar to another text: check the translation, and delete `fuzzy`"
    if len(forms) != (plurals if message.pluralizable else 1) or not all(forms):
        yield "is not translated"
        return
    for form in forms:
        yield from _differences(message, form)


def _differences(message: Message, form: str) -> Iterator[str]:
    """Compare a translation with the text, or each form with the plural."""
    text = _all(message.id)[-1]
    names, expected = (set(_PLACEHOLDER.findall(each)) for each in (form, text))
    # "One code" needs no number.
    if names != expected and not (message.pluralizable and names == expected - {"num"}):
        yield f"has the values {sorted(names)}, not {sorted(expected)}"
    if "%" in _PLACEHOLDER.sub("", form).replace("%%", ""):
        yield "has a %, which must be %%"
    if _TAG.findall(form) != _TAG.findall(text):
        yield f"has the tags {_TAG.findall(form)}, not {_TAG.findall(text)}"
    if (form[0].isspace(), form[-1].isspace()) != (text[0].isspace(), text[-1].isspace()):
        yield "begins or ends with a space, or the text does"


def _all(text: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def _first(text: str | tuple[str, ...] | list[str]) -> str:
    return _all(text)[0]


__all__ = ["SOURCE", "as_mo", "as_po", "extract", "faults", "file_of", "languages", "merged", "new"]
