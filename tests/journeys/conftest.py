"""Serves the application with the settings that a state needs."""

import pytest

from tests.journeys.states.visit import SETTINGS


@pytest.fixture
def environ(environ: dict[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment of the server; a test with a state's `name` gets the state's settings."""
    parameters = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    return {**environ, **SETTINGS.get(parameters.get("name", ""), {})}
