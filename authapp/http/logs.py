"""How log lines look: text or JSON, in UTC, and with the id of the request that caused them.

A line is an event with fields: `log.info("account_deleted", user_id=user_id)`. Lines contain no
secrets, and no personal data except ids of accounts.
"""

import logging
import re
from typing import Final

import structlog
from flask import has_request_context
from structlog.processors import ExceptionRenderer, JSONRenderer, TimeStamper
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name
from structlog.typing import EventDict, Processor, WrappedLogger

from authapp.config import JSON, Settings
from authapp.http.request_id import request_id

_VALUES_OF_ROWS: Final = re.compile(r"^DETAIL: .*\n?", re.MULTILINE)
"""What PostgreSQL adds to the message of an error."""

_DETAILED: Final = ("authapp", "deploy", "wsgi", "alembic.runtime.migration")
"""Loggers whose lines LOG_LEVEL selects."""


class _StandardError(logging.StreamHandler):  # type: ignore[type-arg]
    """The handler of the current application, which the next one of this process replaces."""


def configure(settings: Settings) -> None:
    """Write the log lines of this process, and of the libraries that it uses, to standard error."""
    level = logging.getLevelNamesMapping()[settings.logs.level.upper()]
    structlog.configure(
        processors=[structlog.stdlib.render_to_log_kwargs],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = _StandardError()
    handler.setFormatter(formatter(settings.logs.format))
    root = logging.getLogger()
    for former in [each for each in root.handlers if isinstance(each, _StandardError)]:
        root.removeHandler(former)
    root.addHandler(handler)
    # Below this, libraries log what must stay secret, such as SQL with its values.
    root.setLevel(max(level, logging.WARNING))
    for name in _DETAILED:
        logging.getLogger(name).setLevel(level)
    # SQLAlchemy logs the work of a pool under the name of its class.
    logging.getLogger("authapp.models.database_slots").setLevel(logging.WARNING)


def formatter(format: str) -> logging.Formatter:
    """Return the formatter of LOG_FORMAT."""
    rendering: list[Processor] = (
        [JSONRenderer(default=str)] if format == JSON else [_escape, _as_text]
    )
    return ProcessorFormatter(
        processors=[
            add_log_level,
            add_logger_name,
            ExtraAdder(),
            _remove_repetitions,
            TimeStamper(fmt="iso", utc=True),
            _add_request_id,
            ExceptionRenderer(),
            _remove_values_of_rows,
            ProcessorFormatter.remove_processors_meta,
            *rendering,
        ]
    )


def _remove_repetitions(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Remove what the formatters of other handlers add to a record."""
    for name in ("message", "asctime"):
        line.pop(name, None)
    return line


def _add_request_id(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    if has_request_context():
        line["request_id"] = request_id()
    return line


def _remove_values_of_rows(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    if "exception" in line:
        line["exception"] = _VALUES_OF_ROWS.sub("", line["exception"])
    return line


def _escape(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Escape line breaks and other control characters, so that no value can forge a line."""
    return {
        name: _printable(str(value)) if name != "exception" else value
        for name, value in line.items()
    }


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _as_text(_logger: WrappedLogger, _method: str, line: EventDict) -> str:
    """Return `time LEVEL event name=value ...`, and a traceback below it."""
    head = f"{line.pop('timestamp')} {line.pop('level').upper()} {line.pop('event')}"
    below = line.pop("exception", None)
    fields = "".join(f" {name}={value}" for name, value in line.items())
    return f"{head}{fields}" + (f"\n{below}" if below else "")
