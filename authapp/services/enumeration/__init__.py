"""Measures whether a running deployment reveals which addresses have accounts.

It acts as an attacker would, from outside. What a request must not do is tested elsewhere.
"""

from authapp.services.enumeration.comparison import Comparison
from authapp.services.enumeration.measurement import measure, require_rounds
from authapp.services.enumeration.requests import every_request
from authapp.services.enumeration.samples import STATES
from authapp.services.enumeration.visitor import NotMeasured

__all__ = ["STATES", "Comparison", "NotMeasured", "every_request", "measure", "require_rounds"]
