"""The colors of light and dark pages, derived from the brand's accent color.

They are computed in OKLCH, whose lightness matches what the eye sees, so that every accent yields
colors with enough contrast for text.
"""

from typing import Final, NamedTuple

from coloraide import Color

from authapp.errors import ConfigError

TEXT_CONTRAST: Final = 4.5
"""Minimum contrast between text and its background. Source: WCAG 2.2, 1.4.3, level AA."""

_LIGHT_GROUND: Final = "#f2f0e9"
"""`--ground` of static/app.css."""


class Palette(NamedTuple):
    """The colors of one scheme in CSS notation; `band` is the background of the header."""

    accent: str
    accent_strong: str
    on_accent: str
    band: str

    def style(self) -> str:
        """Return the colors as custom properties."""
        return "".join(f"--{k.replace('_', '-')}:{v};" for k, v in self._asdict().items())


def light(accent: str) -> Palette:
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
        accent_strong=_shade(accent, min(lightness * 0.8, 0.34), chroma=0.8),
        on_accent="#ffffff",
        band=_shade(accent, min(lightness * 0.8, 0.34), chroma=0.75),
    )


def dark(accent: str) -> Palette:
    """Return the colors of dark pages, in the accent's hue."""
    return Palette(
        accent=_shade(accent, 0.82, chroma=1.2),
        accent_strong=_shade(accent, 0.89, chroma=0.9),
        on_accent=_shade(accent, 0.24, chroma=0.6),
        band=_shade(accent, 0.29, chroma=0.65),
    )


def _shade(accent: str, lightness: float, *, chroma: float) -> str:
    """Return the accent with another lightness and scaled chroma, within the sRGB gamut."""
    shade = Color(accent).convert("oklch")
    shade["lightness"] = lightness
    shade["chroma"] *= chroma
    return str(shade.convert("srgb").fit(method="oklch-chroma").to_string(hex=True))
