"""The colors of light and dark pages, derived from the brand's accent color.

They are computed in OKLCH, whose lightness matches what the eye sees, so that every accent yields
colors with enough contrast for text.
"""

from typing import Final, NamedTuple

from coloraide import Color

from authapp.errors import ConfigError

TEXT_CONTRAST: Final = 4.5
"""Minimum contrast between text and its background. Source: WCAG 2.2, 1.4.3, level AA."""

_LIGHT_GROUND: Final = "#f6f7f9"
"""`--ground` of static/app.css."""

_LIGHT_SURFACE: Final = "#ffffff"
_LIGHT_TEXT: Final = "#16191d"
_DARK_SURFACE: Final = "#171b20"
_DARK_TEXT: Final = "#e8eaed"
"""`--surface` and `--text` of static/app.css."""


class Palette(NamedTuple):
    """The colors of one scheme in CSS notation; `band` is the background of the header."""

    accent: str
    accent_strong: str
    on_accent: str
    band: str
    on_band: str

    def style(self) -> str:
        """Return the colors as custom properties."""
        return "".join(f"--{k.replace('_', '-')}:{v};" for k, v in self._asdict().items())


def light(accent: str, header: str = "") -> Palette:
    """Return the colors of light pages; raises ConfigError if the accent is too pale for text."""
    contrast = Color(accent).contrast(_LIGHT_GROUND)
    if contrast < TEXT_CONTRAST:
        raise ConfigError(
            f"ACCENT_COLOR {accent} has a contrast of {contrast:.1f} with the page, but text needs "
            f"{TEXT_CONTRAST}: choose a darker color"
        )
    lightness = Color(accent).convert("oklch")["lightness"]
    return Palette(
        accent=accent,
        accent_strong=_shade(accent, min(lightness * 0.8, 0.38), chroma=0.9),
        on_accent="#ffffff",
        band=header or _LIGHT_SURFACE,
        on_band=_text_on(header) if header else _LIGHT_TEXT,
    )


def dark(accent: str, header: str = "") -> Palette:
    """Return the colors of dark pages, in the accent's hue."""
    return Palette(
        accent=_shade(accent, 0.80, chroma=0.9),
        accent_strong=_shade(accent, 0.88, chroma=0.7),
        on_accent=_shade(accent, 0.22, chroma=0.5),
        band=header or _DARK_SURFACE,
        on_band=_text_on(header) if header else _DARK_TEXT,
    )


def _text_on(ground: str) -> str:
    """Return the color, white or black, that is easier to read on a ground."""
    return max(("#ffffff", "#000000"), key=Color(ground).contrast)


def _shade(accent: str, lightness: float, *, chroma: float) -> str:
    """Return the accent with another lightness and scaled chroma, within the sRGB gamut."""
    shade = Color(accent).convert("oklch")
    shade["lightness"] = lightness
    shade["chroma"] *= chroma
    return str(shade.convert("srgb").fit(method="oklch-chroma").to_string(hex=True))
