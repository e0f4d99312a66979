"""Which requirements of the standards this deployment meets, and which test shows it."""

from authapp.services.conformance.findings import Finding, report
from authapp.services.conformance.requirement import Requirement
from authapp.services.conformance.requirements import REQUIREMENTS

__all__ = ["REQUIREMENTS", "Finding", "Requirement", "report"]
