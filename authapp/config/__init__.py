"""Settings, read from the environment once, when the application is created."""

from authapp.config.loader import current_settings, load
from authapp.config.settings import (
    CLOSED,
    DEVELOPMENT,
    DOMAINS,
    INVITATION,
    JSON,
    OFF,
    OPEN,
    OPTIONAL,
    PRODUCTION,
    REQUIRED,
    Settings,
)

__all__ = [
    "CLOSED",
    "DEVELOPMENT",
    "DOMAINS",
    "INVITATION",
    "JSON",
    "OFF",
    "OPEN",
    "OPTIONAL",
    "PRODUCTION",
    "REQUIRED",
    "Settings",
    "current_settings",
    "load",
]
