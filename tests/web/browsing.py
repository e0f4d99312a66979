"""The name that tests/bench imports from here; it belongs to tests/support/browsing.py."""

from tests.support.browsing import sign_in  # noqa: F401
