"""Limits on text messages: each costs money, and some pay the attacker who causes them."""

from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from authapp.config import current_settings
from authapp.domain.client import Client
from authapp.domain.limits import rate_limits
from authapp.domain.limits.rate_limits import Limit
from authapp.domain.phone_numbers import region_of
from authapp.errors import TooManyAttempts

PAUSE: Final = Limit("phone_text_pause", most=1, within=timedelta(seconds=30))
"""Minimum pause between two texts that one account requests."""

_DAY: Final = timedelta(days=1)

_OF_USER: Final = Limit("phone_texts_of_user", most=6, within=_DAY)
_TO_NUMBER: Final = Limit("phone_texts_to_number", most=6, within=_DAY)

_SITE_FACTOR: Final = 2
"""How many times the limit of one client applies to all clients in its /24 or /48."""

log = structlog.get_logger(__name__)


def spend(user_id: UUID, number: str, *, client: Client) -> None:
    """Count a text against each limit on its cost, the broadest last.

    What one client and its neighbors can spend is a fraction of what all users share.
    Raises TooManyAttempts.
    """
    settings, country = current_settings().sms, region_of(number)
    per_client = settings.daily_budget_per_client
    rate_limits.spend(_OF_USER, str(user_id))
    rate_limits.spend(_budget("texts_of_client", per_client), client.network)
    rate_limits.spend(_budget("texts_of_site", per_client * _SITE_FACTOR), client.site)
    rate_limits.spend(_TO_NUMBER, number)
    try:
        per_country = _budget("texts_to_country", settings.daily_budget_per_country)
        rate_limits.spend(per_country, country)
        rate_limits.spend(_budget("texts", settings.daily_budget), "all")
    except TooManyAttempts:
        log.warning("text_budget_used_up", country=country)
        raise


def _budget(name: str, daily: int) -> Limit:
    """Return a limit that no day exceeds: half of it at once, half spread over the day."""
    return Limit(name, most=max(1, daily // 2), within=_DAY)
