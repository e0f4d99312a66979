"""The colours that follow the brand's accent, for light and for dark pages.

They are taken in OKLCH, where lightness is what the eye sees, so that one accent yields all of
them with the contrast that text needs.
"""

from typing import Final, NamedTuple

from coloraide import Color

from authapp.errors import ConfigError

TEXT_CONTRAST: Final = 4.5
"""Least contrast of text to what is behind it. Source: WCAG 2.2, 1.4.3, level AA."""

_LIGHT_GROUND: Final = "#f2f0e9"
"""`--ground` of static/app.css."""


class Palette(NamedTuple):
    """Colours of one scheme, as CSS writes them; a `band` is what stands behind the header."""

    accent: str
    accent_strong: str
    on_accent: str
    band: str

    def style(self) -> str:
        """Return the colours as custom properties."""
        return "".join(f"--{k.replace('_', '-')}:{v};" for k, v in self._asdict().items())


def light(accent: str) -> Palette:
    """Return the colours of light pages; raises ConfigError if text in the accent is too pale."""
    contrast = Color(accent).contrast(_LIGHT_GROUND)
    if contrast < TEXT_CONTRAST:
        raise ConfigError(
            f"ACCENT_COLOR {accent} has a contrast of {contrast:.1f} to the page, and text needs "
            f"{TEXT_CONTRAST}: take a darker one"
        )
    lightness = Color(accent).convert("oklch")["lightness"]
    return Palette(
        accent=accent,
        accent_strong=_shade(accent, min(lightness * 0.8, 0.34), chroma=0.8),
        on_accent="#ffffff",
        band=_shade(accent, min(lightness * 0.8, 0.34), chroma=0.75),
    )


def dark(accent: str) -> Palette:
    """Return the colours of dark pages, in the accent's hue."""
    return Palette(
        accent=_shade(accent, 0.82, chroma=1.2),
        accent_strong=_shade(accent, 0.89, chroma=0.9),
        on_accent=_shade(accent, 0.24, chroma=0.6),
        band=_shade(accent, 0.29, chroma=0.65),
    )


def _shade(accent: str, lightness: float, *, chroma: float) -> str:
    """Return the accent at another lightness, with a part of its chroma, as sRGB can show it."""
    shade = Color(accent).convert("oklch")
    shade["lightness"] = lightness
    shade["chroma"] *= chroma
    return str(shade.convert("srgb").fit(method="oklch-chroma").to_string(hex=True))
