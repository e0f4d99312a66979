"""Settings, read from the environment once, when the application is created."""

from authapp.config.loader import current_settings, load
from authapp.config.settings import DEVELOPMENT, JSON, PRODUCTION, Settings

__all__ = [
    "DEVELOPMENT",
    "JSON",
    "PRODUCTION",
    "Settings",
    "current_settings",
    "load",
]
