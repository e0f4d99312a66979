"""Every setting as a file for systemd, Docker and shells: `python -m deploy.env_example`.

deploy/.env.example is its output, and a test compares the two.
"""

import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, Final

from authapp.config import Settings
from authapp.config.readers import NEW_SEALING_KEY, NEW_SECRET, sealing_keys, secret

_HEAD: Final = """\
Settings of authapp, for `EnvironmentFile=` of systemd, `env_file:` of Docker Compose, and shells.
Copy this file, set what has no value, and remove the `#` before a setting to change it. Write a
value that has spaces in single quotes. docs/configuration.md explains more."""

_SERVER: Final = {
    "SERVE_HOST": ("127.0.0.1", "Address to listen on."),
    "SERVE_PORT": ("8000", "Port to listen on."),
    "SERVE_WORKERS": ("", "Number of processes. Defaults to the number of cores, at least 2."),
    "SERVE_THREADS": ("8", "Number of requests that one process handles at the same time."),
    "SERVE_IDLE_TIMEOUT": (
        "60",
        "Seconds that a connection may be idle, or take to send a request's headers. "
        "The proxy's own timeout must be shorter.",
    ),
    "SERVE_BODY_TIMEOUT": ("15", "Seconds in which a request's body must arrive."),
    "SERVE_START_TIMEOUT": (
        "10",
        "Seconds that SIGHUP gives a new worker to start, beyond the time that its trial took.",
    ),
    "SERVE_STOP_TIMEOUT": (
        "30",
        "Seconds that requests in progress may take when the server stops.",
    ),
}
"""Settings of `python -m deploy.serve`: default and meaning."""

_COMPOSE: Final = (
    "Password of the PostgreSQL that deploy/compose.yaml runs, in letters and digits. "
    "That file sets DATABASE_URL and REDIS_URL itself."
)

_TIMES: Final = ("seconds", "milliseconds")

_NEEDED: Final = ("MAIL_SERVER", "MAIL_DEFAULT_SENDER")
"""Settings that have a default, but are required in production."""


def example() -> str:
    """Return the file."""
    parts = [_comment(_HEAD, keep=True), "## Required"]
    settings = [each.metadata for subject in fields(Settings) for each in _settings(subject.type)]
    parts += [_setting(each) for each in settings if _is_required(each)]
    for subject in fields(Settings):
        parts.append(f"## {_title(subject.type)}")
        parts += [
            _setting(each.metadata)
            for each in _settings(subject.type)
            if not _is_required(each.metadata)
        ]
    parts.append("## The server, python -m deploy.serve")
    parts += [f"{_comment(about)}\n#{name}={value}" for name, (value, about) in _SERVER.items()]
    parts.append("## Around it")
    parts.append("# The application of the `flask` command.\nFLASK_APP=wsgi")
    parts.append(f"{_comment(_COMPOSE)}\n#POSTGRES_PASSWORD=")
    return "\n\n".join(parts) + "\n"


def _settings(subject: Any) -> tuple[Any, ...]:
    return fields(subject)


def _title(subject: Any) -> str:
    return str(subject.__doc__).strip().splitlines()[0].rstrip(".")


def _is_required(declared: Mapping[str, Any]) -> bool:
    return declared["default"] is None or declared["name"] in _NEEDED


def _setting(declared: Mapping[str, Any]) -> str:
    unit = f" In {declared['unit']}." if declared["unit"] in _TIMES else ""
    lines = [_comment(declared["about"] + unit), *_how_to_generate(declared)]
    value = "=" if _is_required(declared) else f"={_quoted(declared['default'])}"
    lines.append(f"{'' if _is_required(declared) else '#'}{declared['name']}{value}")
    return "\n".join(lines)


def _how_to_generate(declared: Mapping[str, Any]) -> Iterator[str]:
    for reader, command in ((secret, NEW_SECRET), (sealing_keys, NEW_SEALING_KEY)):
        if declared["read"] is reader:
            yield f"#     {command}"


def _quoted(value: str) -> str:
    return f"'{value}'" if " " in value or "#" in value else value


def _comment(text: str, *, keep: bool = False) -> str:
    lines = text.splitlines() if keep else textwrap.wrap(text, 98, break_on_hyphens=False)
    return "\n".join(f"# {line}" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(example())
