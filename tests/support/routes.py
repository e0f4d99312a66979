"""Routes that are compiled once for all applications of a test run."""

from collections.abc import Callable
from typing import Any, ClassVar

from werkzeug.routing import Rule

from authapp.http.application import Application


class SharedRule(Rule):
    """A route that compiles the function for its URL once.

    Each application has the same routes, and compiling them took most of the time that creating
    an application took.
    """

    _builders: ClassVar[dict[tuple[object, ...], Callable[..., tuple[str, str]]]] = {}

    def _compile_builder(self, append_unknown: bool = True) -> Any:
        key = (self.rule, self.subdomain, repr(self.defaults), append_unknown)
        if key not in self._builders:
            self._builders[key] = super()._compile_builder(append_unknown)
        return self._builders[key]


def share_routes() -> None:
    """Make every application of this process use SharedRule."""
    Application.url_rule_class = SharedRule
