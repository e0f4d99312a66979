"""The files of the operator's brand: logo, icon and font."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authapp.errors import ConfigError

_SVG: Final = {".svg": "image/svg+xml"}
_PNG: Final = {".png": "image/png"}
_WEBP: Final = {".webp": "image/webp"}
_WOFF2: Final = {".woff2": "font/woff2"}

# By setting: the media type of each allowed suffix, and the largest size. A first visit loads these
# files in addition to the page, its stylesheet and its script.
_ALLOWED: Final[dict[str, tuple[dict[str, str], int]]] = {
    "LOGO_FILE": (_SVG | _PNG | _WEBP, 16 * 1024),
    "ICON_FILE": (_SVG | _PNG, 16 * 1024),
    "FONT_FILE": (_WOFF2, 100 * 1024),
}


@dataclass(frozen=True)
class File:
    """A file's content and media type."""

    content: bytes
    type: str


def read(setting: str, file: str) -> File | None:
    """Return the file of a setting, or None if it is empty; raises ConfigError if unusable."""
    if not file:
        return None
    types, largest = _ALLOWED[setting]
    path = Path(file)
    if path.suffix not in types:
        raise ConfigError(f"{setting} must be one of: {', '.join(types)}")
    try:
        content = path.read_bytes()
    except (OSError, ValueError):
        raise ConfigError(f"{setting} {file} cannot be read") from None
    if len(content) > largest:
        raise ConfigError(f"{setting} has {len(content)} bytes; the maximum is {largest}")
    return File(content, types[path.suffix])
