"""Tests of the token cache."""

import pytest

# pytest rewrites the assertions of other modules only on request.
pytest.register_assert_rewrite("tests.token_cache.operations")
