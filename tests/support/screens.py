"""The browsers that the journeys take place in."""

from typing import Any, Final

SCREENS: Final[dict[str, dict[str, Any]]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 360, "height": 740}},
    "no-javascript": {"viewport": {"width": 360, "height": 740}, "java_script_enabled": False},
}

WIDTHS: Final = (360, 768, 1280)
"""A phone, the narrowest screen with a menu beside the page, and a desktop."""

LOOKS: Final[dict[str, dict[str, Any]]] = {
    "light": {"color_scheme": "light", "forced_colors": "none"},
    "dark": {"color_scheme": "dark", "forced_colors": "none"},
    "forced": {"color_scheme": "dark", "forced_colors": "active"},
}
"""What the user has set: a color scheme, or colors that replace those of every page."""
