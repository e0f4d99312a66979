"""The operator's brand: name, colors, logo and links from the configuration; custom templates."""

import base64
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Final

from flask import Blueprint, Flask, Response, abort, current_app, render_template, request
from jinja2 import ChoiceLoader, FileSystemLoader, PrefixLoader

from authapp.config import Settings
from authapp.errors import ConfigError
from authapp.web import logo, palette
from authapp.web.palette import Palette

blueprint = Blueprint("brand", __name__)

_LOGO_TYPES: Final = {".svg": "image/svg+xml", ".png": "image/png", ".webp": "image/webp"}
_LARGEST_LOGO_BYTES: Final = 16 * 1024
"""A first visit loads the logo in addition to the page, its stylesheet and its script."""
_SECONDS_KEPT: Final = 3600


@dataclass(frozen=True)
class Logo:
    """An image that the header shows instead of the generated mark."""

    content: bytes
    type: str


@dataclass(frozen=True)
class Brand:
    """The brand, available to templates as `brand`."""

    name: str
    light: Palette
    dark: Palette
    logo: Logo | None
    support: str
    terms_url: str
    privacy_url: str

    @cached_property
    def initial(self) -> str:
        return self.name[0].upper()

    @cached_property
    def tile(self) -> str:
        return logo.tile(self.name)

    @cached_property
    def blade(self) -> str:
        return logo.blade(self.name)

    @cached_property
    def support_url(self) -> str:
        """The URL of the support page, or a `mailto:` URL for a support address; may be empty."""
        is_page = not self.support or self.support.startswith(("http:", "https:"))
        return self.support if is_page else f"mailto:{self.support}"

    @cached_property
    def style(self) -> str:
        """The colors as a stylesheet, the only inline one that the policy allows."""
        dark = f"@media (prefers-color-scheme:dark){{:root{{{self.dark.style()}}}}}"
        return f":root{{{self.light.style()}}}{dark}"

    @cached_property
    def style_source(self) -> str:
        """The stylesheet's digest as a Content-Security-Policy source."""
        return f"'sha256-{base64.b64encode(sha256(self.style.encode()).digest()).decode()}'"


def init_app(app: Flask) -> None:
    """Add the brand to templates; raises ConfigError if one of its files or colors is unusable."""
    settings: Settings = app.extensions["settings"]
    chosen = Brand(
        name=settings.brand.app_name,
        light=palette.light(settings.brand.accent_color),
        dark=palette.dark(settings.brand.accent_color),
        logo=_read_logo(settings.brand.logo_file),
        support=settings.brand.support_address,
        terms_url=settings.brand.terms_url,
        privacy_url=settings.brand.privacy_url,
    )
    app.extensions["brand"] = chosen
    app.jinja_env.globals.update(app_name=chosen.name, brand=chosen)
    if settings.brand.template_folder:
        _override_templates(app, Path(settings.brand.template_folder))


@blueprint.get("/icon.svg")
def icon() -> Response:
    """Return the mark as an icon for browser tabs."""
    return _kept(Response(render_template("brand/icon.svg"), mimetype="image/svg+xml"))


@blueprint.get("/logo", endpoint="logo")
def logo_file() -> Response:
    """Return the configured logo."""
    chosen: Brand = current_app.extensions["brand"]
    if chosen.logo is None:
        abort(404)
    return _kept(Response(chosen.logo.content, mimetype=chosen.logo.type))


def _kept(response: Response) -> Response:
    response.cache_control.public = True
    response.cache_control.max_age = _SECONDS_KEPT
    response.add_etag()
    response.make_conditional(request)
    return response


def _read_logo(file: str) -> Logo | None:
    if not file:
        return None
    path = Path(file)
    if path.suffix not in _LOGO_TYPES:
        raise ConfigError(f"LOGO_FILE must be one of: {', '.join(_LOGO_TYPES)}")
    try:
        content = path.read_bytes()
    except (OSError, ValueError):
        raise ConfigError(f"LOGO_FILE {file} cannot be read") from None
    if len(content) > _LARGEST_LOGO_BYTES:
        raise ConfigError(
            f"LOGO_FILE has {len(content)} bytes; the maximum is {_LARGEST_LOGO_BYTES}"
        )
    return Logo(content, _LOGO_TYPES[path.suffix])


def _override_templates(app: Flask, folder: Path) -> None:
    """Look for templates in the folder first; `authapp/<name>` is the original, to extend."""
    if not folder.is_dir():
        raise ConfigError(f"TEMPLATE_FOLDER {folder} is not a folder")
    ours = FileSystemLoader(str(Path(app.root_path).parent / "templates"))
    app.jinja_env.loader = ChoiceLoader(
        [FileSystemLoader(str(folder)), PrefixLoader({"authapp": ours}), ours]
    )
