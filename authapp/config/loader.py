"""Loading Settings from the environment, with one report of all errors."""

from collections.abc import Mapping
from dataclasses import Field, fields, replace
from pathlib import Path
from typing import Any, Final

from flask import current_app

from authapp.config import safety
from authapp.config.readers import (
    NEW_SEALING_KEY,
    NEW_SECRET,
    Refused,
    sealing_keys,
    secret,
)
from authapp.config.settings import Settings
from authapp.errors import ConfigError

FILE_SUFFIX: Final = "_FILE"
"""A setting NAME can be in a file that NAME_FILE names, such as a Docker secret."""

_MAY_BE_EMPTY: Final = frozenset({"SECRET_KEY_FALLBACKS"})
"""Settings whose file may be empty: until a secret is replaced, there is nothing to put in it."""


def load(environ: Mapping[str, str]) -> Settings:
    """Read every setting from `environ`.

    Raises ConfigError with one line for each setting that is missing, malformed or unsafe.
    """
    faults: list[str] = []
    subjects = {each.name: _read_subject(each.type, environ, faults) for each in fields(Settings)}
    if faults:
        raise ConfigError("\n".join(faults))
    settings = _with_defaults(Settings(**subjects))
    if unsafe := list(safety.faults(settings)):
        raise ConfigError("\n".join(unsafe))
    return settings


def current_settings() -> Settings:
    """Return the settings of the current application."""
    settings: Settings = current_app.extensions["settings"]
    return settings


def _read_subject(subject: Any, environ: Mapping[str, str], faults: list[str]) -> Any:
    """Return one subject's settings; None after adding an error to `faults`."""
    values: dict[str, Any] = {}
    for each in fields(subject):
        try:
            values[each.name] = _read(each, environ)
        except Refused as refusal:
            faults.append(f"{each.metadata['name']} {refusal}")
    return subject(**values) if len(values) == len(fields(subject)) else None


def _read(declared: Field[Any], environ: Mapping[str, str]) -> Any:
    raw = _given(declared.metadata["name"], environ) or declared.metadata["default"]
    if raw is None:
        raise Refused(f"is missing: {_how_to_set(declared)}")
    return declared.metadata["read"](raw)


def _given(name: str, environ: Mapping[str, str]) -> str:
    """Return a variable, or the content of the file that `<name>_FILE` names."""
    value, file = (environ.get(each, "").strip() for each in (name, f"{name}{FILE_SUFFIX}"))
    if not file:
        return value
    if value:
        raise Refused(f"is set twice: remove {name} or {name}{FILE_SUFFIX}")
    try:
        content = Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Refused(f"cannot be read from {file!a}: {error.strerror}") from None
    except ValueError:
        # The path has a NUL, or the content is not UTF-8.
        raise Refused(f"cannot be read from {file!a}: it is not a text file") from None
    if not content and name not in _MAY_BE_EMPTY:
        raise Refused(f"is empty in {file!a}")
    return content


def _how_to_set(declared: Field[Any]) -> str:
    if declared.metadata["read"] is secret:
        return f"generate one with: {NEW_SECRET}"
    if declared.metadata["read"] is sealing_keys:
        return f"generate one with: {NEW_SEALING_KEY}"
    return str(declared.metadata["about"])


def _with_defaults(settings: Settings) -> Settings:
    """Fill in the settings that default to another one."""
    tokens, public_url = settings.tokens, settings.deployment.public_url
    return replace(
        settings,
        tokens=replace(
            tokens,
            jwt_issuer=tokens.jwt_issuer or public_url,
            jwt_audience=tokens.jwt_audience or public_url,
        ),
    )
