"""The operations of the token cache, on one server. test_cluster.py runs them on a cluster."""

from tests.token_cache.operations import *  # noqa: F403
