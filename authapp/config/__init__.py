"""Settings, read from the environment once, when the application is created."""

from authapp.config.loader import current_settings, load
from authapp.config.settings import DEVELOPMENT, EVERYTHING, JSON, LOOK, PRODUCTION, Settings

__all__ = [
    "DEVELOPMENT",
    "EVERYTHING",
    "JSON",
    "LOOK",
    "PRODUCTION",
    "Settings",
    "current_settings",
    "load",
]
