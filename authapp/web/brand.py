"""The operator's brand: name, colors, font and links from the configuration; custom templates."""

import base64
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Final

from flask import Blueprint, Flask, Response, abort, current_app, render_template, request
from jinja2 import ChoiceLoader, FileSystemLoader, PrefixLoader
from markupsafe import Markup

from authapp.config import Settings
from authapp.config.settings import Brand as BrandSettings
from authapp.errors import ConfigError
from authapp.web import brand_files, palette
from authapp.web.brand_files import File
from authapp.web.palette import Palette

blueprint = Blueprint("brand", __name__)

_SECONDS_KEPT: Final = 3600

_FONT: Final = "brand-font"
# "optional": a font that arrives late does not move text that the user already reads.
_FONT_FACE: Final = (
    f"@font-face{{font-family:{_FONT};src:url(/font.woff2);"
    "font-weight:100 900;font-display:optional}"
)


@dataclass(frozen=True)
class Brand:
    """The brand, available to templates as `brand`."""

    name: str
    light: Palette
    dark: Palette
    logo: File | None
    icon: File | None
    font: File | None
    font_family: str
    has_home: bool
    support: str
    terms_url: str
    privacy_url: str

    @cached_property
    def initial(self) -> str:
        return self.name[0].upper()

    @cached_property
    def icon_type(self) -> str:
        return self.icon.type if self.icon else "image/svg+xml"

    @cached_property
    def support_url(self) -> str:
        """The URL of the support page, or a `mailto:` URL for a support address; may be empty."""
        is_page = not self.support or self.support.startswith(("http:", "https:"))
        return self.support if is_page else f"mailto:{self.support}"

    @cached_property
    def style(self) -> Markup:
        """The colors and the font as a stylesheet, the only inline one that the policy allows."""
        dark = f"@media (prefers-color-scheme:dark){{:root{{{self.dark.style()}}}}}"
        colors = f":root{{{self.light.style()}{self._font_style}}}{dark}"
        font_face = _FONT_FACE * (self.font is not None)
        return Markup(font_face + colors)  # noqa: S704 - no setting can contain what ends the style

    @property
    def _font_style(self) -> str:
        families = [_FONT] * (self.font is not None) + [self.font_family] * bool(self.font_family)
        return f"--font:{','.join([*families, 'system-ui', 'sans-serif'])};" if families else ""

    @cached_property
    def style_source(self) -> str:
        """The stylesheet's digest as a Content-Security-Policy source."""
        return f"'sha256-{base64.b64encode(sha256(self.style.encode()).digest()).decode()}'"


def init_app(app: Flask) -> None:
    """Add the brand to templates; raises ConfigError if one of its files or colors is unusable."""
    settings: Settings = app.extensions["settings"]
    chosen = _brand(settings.brand)
    app.extensions["brand"] = chosen
    app.jinja_env.globals.update(app_name=chosen.name, brand=chosen)
    if settings.brand.template_folder:
        _override_templates(app, Path(settings.brand.template_folder))


def _brand(chosen: BrandSettings) -> Brand:
    accent, header = chosen.accent_color, chosen.header_color
    return Brand(
        name=chosen.app_name,
        light=palette.light(accent, header),
        dark=palette.dark(accent, header),
        logo=brand_files.read("LOGO_FILE", chosen.logo_file),
        icon=brand_files.read("ICON_FILE", chosen.icon_file),
        font=brand_files.read("FONT_FILE", chosen.font_file),
        font_family=chosen.font_family,
        has_home=bool(chosen.template_folder)
        and (Path(chosen.template_folder) / "home" / "show.html").is_file(),
        support=chosen.support_address,
        terms_url=chosen.terms_url,
        privacy_url=chosen.privacy_url,
    )


@blueprint.get("/icon.svg")
def icon() -> Response:
    """Return the icon for browser tabs; a configured PNG keeps this address."""
    chosen = _current().icon
    return _served(chosen) if chosen else _kept(_default_icon())


@blueprint.get("/logo")
def logo() -> Response:
    """Return the configured logo."""
    return _served(_current().logo)


@blueprint.get("/font.woff2")
def font() -> Response:
    """Return the configured font."""
    return _served(_current().font)


def _current() -> Brand:
    chosen: Brand = current_app.extensions["brand"]
    return chosen


def _default_icon() -> Response:
    return Response(render_template("brand/icon.svg"), mimetype="image/svg+xml")


def _served(file: File | None) -> Response:
    if file is None:
        abort(404)
    return _kept(Response(file.content, mimetype=file.type))


def _kept(response: Response) -> Response:
    response.cache_control.public = True
    response.cache_control.max_age = _SECONDS_KEPT
    response.add_etag()
    response.make_conditional(request)
    return response


def _override_templates(app: Flask, folder: Path) -> None:
    """Look for templates in the folder first; `authapp/<name>` is the original, to extend."""
    if not folder.is_dir():
        raise ConfigError(f"TEMPLATE_FOLDER {folder} is not a folder")
    ours = FileSystemLoader(str(app.template_folder))
    app.jinja_env.loader = ChoiceLoader(
        [FileSystemLoader(str(folder)), PrefixLoader({"authapp": ours}), ours]
    )
