"""Comparing the answers about two addresses, and the times of many."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from statistics import median
from typing import Final
from urllib.parse import quote

from authapp.services.enumeration.rank_test import RankTest, compare
from authapp.services.enumeration.visitor import Answer

_VARIES: Final = (
    re.compile(r"(?<=[?&]flow=)\w+"),
    # In the address that a link to another page returns to.
    re.compile(r"(?<=\?flow%3D)\w+"),
    re.compile(r'(?<=name="flow" value=")\w+'),
    re.compile(
        r'(?<=name="csrf_token" value=")[^"]+|(?<=name="csrf_token" type="hidden" value=")[^"]+'
    ),
    re.compile(r"(?<=nonce[=-])[\"\w+/=-]+"),
    re.compile(r"(?<=urn:uuid:)[\w-]+"),
)
"""What differs between any two answers, even about the same address."""

_OF_THE_MESSAGE: Final = {"date", "content-length", "x-request-id"}
_COOKIE_VALUE: Final = re.compile(r"=[^;]*|(?<=expires=)[^;]*", re.IGNORECASE)


@dataclass(frozen=True)
class Comparison:
    """One request about addresses in one state, compared with addresses that no one has used."""

    request: str
    state: str
    parts: list[str]
    milliseconds: float
    milliseconds_absent: float
    time: RankTest

    def differences(self, significance: float) -> list[str]:
        """Return what differs; the time does if its `p` is below this level of significance."""
        return [*self.parts, *(["time"] if self.time.p < significance else [])]


def compare_answers(
    request: str,
    state: str,
    known: Sequence[tuple[str, Answer]],
    absent: Sequence[tuple[str, Answer]],
) -> Comparison:
    """Compare answers, each with the address that it is about."""
    looks = {_look(address, answer) for address, answer in known}
    looks_absent = {_look(address, answer) for address, answer in absent}
    times = [answer.seconds for _, answer in known]
    times_absent = [answer.seconds for _, answer in absent]
    return Comparison(
        request,
        state,
        _differing(looks, looks_absent),
        median(times) * 1000,
        median(times_absent) * 1000,
        compare(times_absent, times),
    )


Look = tuple[int, tuple[str, ...], tuple[str, ...], str]
"""Status, headers, cookies and body, without what differs between any two answers."""

_PARTS: Final = ("status", "headers", "cookies", "body")


def _look(address: str, answer: Answer) -> Look:
    cookies = [value for name, value in answer.headers if name == "set-cookie"]
    headers = [
        f"{name}: {_without_varying(address, value)}"
        for name, value in answer.headers
        if name != "set-cookie" and name not in _OF_THE_MESSAGE
    ]
    return (
        answer.status,
        tuple(sorted(headers)),
        tuple(sorted(_COOKIE_VALUE.sub("", cookie, count=1) for cookie in cookies)),
        _without_varying(address, answer.body),
    )


def _without_varying(address: str, text: str) -> str:
    for spelling in (address, escape(address), quote(address)):
        text = text.replace(spelling, "ADDRESS")
    for varying in _VARIES:
        text = varying.sub("", text)
    return text


def _differing(known: set[Look], absent: set[Look]) -> list[str]:
    """Return the names of the parts that differ."""
    pairs = zip(zip(*known, strict=True), zip(*absent, strict=True), strict=True)
    return [
        name for name, (one, other) in zip(_PARTS, pairs, strict=True) if set(one) != set(other)
    ]
