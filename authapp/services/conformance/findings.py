"""Comparing a deployment's settings with the requirements."""

from collections.abc import Iterator
from typing import NamedTuple

from authapp.config import Settings
from authapp.services.conformance.requirement import Requirement
from authapp.services.conformance.requirements import REQUIREMENTS


class Finding(NamedTuple):
    """A requirement, and why the deployment does not meet it; empty if it does."""

    requirement: Requirement
    gap: str


def report(settings: Settings) -> Iterator[Finding]:
    """Yield a finding for each requirement, in the order of the standards."""
    for requirement in REQUIREMENTS:
        yield Finding(requirement, requirement.gap(settings))
