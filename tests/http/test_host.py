"""Valid `Host` headers."""

from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.routing import Map
from werkzeug.test import create_environ

from authapp.http.host import HOST


@settings(database=None, derandomize=True, deadline=None)
@given(host=st.from_regex(HOST, fullmatch=True))
def test_werkzeug_maps_every_valid_host(host: str) -> None:
    environ = {**create_environ(), "HTTP_HOST": host}

    assert Map().bind_to_environ(environ)
