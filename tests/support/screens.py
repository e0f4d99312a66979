"""The browsers that the journeys take place in."""

from typing import Any, Final

SCREENS: Final[dict[str, dict[str, Any]]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 360, "height": 740}},
    "no-javascript": {"viewport": {"width": 360, "height": 740}, "java_script_enabled": False},
}
