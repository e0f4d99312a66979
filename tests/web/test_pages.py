"""Rules that apply to every page."""

from collections.abc import Callable
from urllib.parse import quote, urljoin

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import create_environ, run_wsgi_app

from authapp.models import User, db
from authapp.web.access import Access, rule_of
from authapp.web.navigation import local_path
from tests.support.accounts import PASSWORD
from tests.support.admins import sign_in_administrator
from tests.support.applications import PRODUCTION
from tests.support.browsing import HOSTILE, csrf_token, post, sign_in
from tests.support.on_sqlite import on_sqlite

OPEN_TO_PROGRAMS = {
    "static",
    "brand",
    "site_files",
    "health",
    "metrics",
    "well_known",
    "oauth",
    "auth_check",
    "api",
    "api_v1",
}


def test_every_route_has_a_rule(app: Flask) -> None:
    access = app.extensions["access"]
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    blueprints = {endpoint.split(".")[0] for endpoint in endpoints}

    assert blueprints == {name for name in access if "." not in name} | OPEN_TO_PROGRAMS
    assert {name for name in access if "." in name} <= endpoints


def test_protected_pages_redirect_visitors_to_sign_in(
    app: Flask, context: None, client: FlaskClient
) -> None:
    pages = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if Access.SIGNED_IN in (rule_of(rule.endpoint) or Access.ANYONE)
        and "GET" in (rule.methods or ())
        and not rule.arguments
    ]

    assert pages
    for page in pages:
        answer = client.get(page)
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith("/login?next=")


NOT_PAGES = {
    "login.sign_out",
    "login_enroll.options",
    "passwords.strength",
    "passkeys.options",
}
"""What forms and scripts send, but no one has open as a page."""


@pytest.mark.parametrize("is_signed_in", [True, False])
def test_the_address_of_every_form_can_be_opened(
    app: Flask, context: None, client: FlaskClient, is_signed_in: bool
) -> None:
    pages = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule_of(rule.endpoint) is not None
        and "POST" in (rule.methods or ())
        and rule.endpoint not in NOT_PAGES
        and not rule.arguments
    ]
    if is_signed_in:
        sign_in_administrator(app, client)

    assert len(pages) > 15
    for page in pages:
        answer = client.get(page, follow_redirects=True)
        # A link that was never opened in this browser has expired.
        assert answer.status_code == 200 or page in {"/password/reset/new", "/invitation"}, page
        assert "link doesn" not in answer.get_data(as_text=True), page


ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


@on_sqlite
def test_every_page_has_the_security_headers(client: FlaskClient) -> None:
    for path in ("/", "/login", "/nope", "/healthz", "/static/app.css"):
        with client.get(path) as answer:
            headers = answer.headers
        assert "'unsafe" not in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert {name: headers[name] for name in ALWAYS} == ALWAYS
        assert ("no-store" in headers.get("Cache-Control", "")) == (not path.startswith("/static"))


@pytest.mark.parametrize("path", ["/register", "/login", "/verify/email", "/verify/email/x"])
def test_a_form_without_its_csrf_token_is_refused(client: FlaskClient, path: str) -> None:
    answer = client.post(path, data={"email": "a@example.org", "password": PASSWORD})

    assert answer.status_code == 400
    assert "form has expired" in answer.get_data(as_text=True)


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("path", ["/register", "/login"])
def test_hostile_bytes_in_a_field_are_refused(client: FlaskClient, path: str, value: str) -> None:
    answer = post(client, path, email=value, password=value)

    assert answer.status_code in (413, 422)
    assert "<script>" not in answer.get_data(as_text=True).replace('<script src="', "")


@on_sqlite
@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe=\x00", b"email=%ff%00&csrf_token=%ff", b"email=%ff", b"email=\xe9", b"%ff=x",
     b"email=a%00", b"email=\0", b"email%00=", b"email=a&email=b", b"email&%65mail", b"&x" * 200],
)  # fmt: skip
def test_a_form_no_browser_would_send_is_refused(client: FlaskClient, body: bytes) -> None:
    token = csrf_token(client).encode()

    for kind in ("", "; charset=utf-16", "; charset=\xff"):
        answer = client.post(
            "/login",
            data=body + b"&csrf_token=" + token,
            content_type=f"application/x-www-form-urlencoded{kind}",
        )
        assert answer.status_code == 400
        assert "We couldn't read your request" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "values", [[b"a", b"b"], [b"\xff"], [b"\0"]], ids=["repeated", "not UTF-8", "NUL"]
)
def test_form_data_from_a_script_is_parsed_as_strictly(
    client: FlaskClient, values: list[bytes]
) -> None:
    token = csrf_token(client).encode()
    parts = [(b"csrf_token", token), *((b"password", each) for each in values)]
    body = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % part for part in parts
    )

    answer = client.post(
        "/password/strength", data=body + b"--x--", content_type="multipart/form-data; boundary=x"
    )

    assert answer.status_code == 400
    assert "We couldn't read your request" in answer.get_data(as_text=True)


@on_sqlite
@pytest.mark.parametrize(
    "host",
    ["..", "a..b", "x" * 300, "xn--" + "x" * 70, "a b", "\xff\xfe", "a\0b", "http://x/", "[::1",
     "a:b", "evil.example/login", "[:..]", "[::1.2.3.4.5]", "x:123456", "x" * 60 + ":5000"],
)  # fmt: skip
def test_an_invalid_host_is_refused(app: Flask, host: str) -> None:
    for path in ("/login", "/nope", "/account"):
        environ = create_environ(path, headers={"Host": host})
        body, status, _ = run_wsgi_app(app, environ)
        assert status == "400 BAD REQUEST"
        assert b"We couldn't read your request" in b"".join(body)


@on_sqlite
@pytest.mark.parametrize("host", ["auth_app:5000", "AUTH.example", "[::1]:8000", "127.0.0.1", "x."])
def test_an_unusual_host_is_served(client: FlaskClient, host: str) -> None:
    assert client.get("/login", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("length", [22, 43, 66, 67, 200, 5000])
def test_an_invalid_link_is_refused_with_an_explanation(client: FlaskClient, length: int) -> None:
    for text in ("x" * length, "." * length, "%00" * length, "é" * length):
        answer = client.get(f"/verify/email/{text}")
        assert answer.status_code == 410
        assert "incomplete or invalid" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/a\n/b",
     "\\/evil.example", "/ /evil", "", None, "/" + "x" * 3000, "/é", "/x\\y"],
)  # fmt: skip
def test_next_never_leads_to_another_site(target: str | None) -> None:
    assert local_path(target, "/account") == "/account"


ADDRESSES = (
    "/app/my%20file.pdf",
    "/app/search?q=a+b",
    "/app/a%2Fb?c=%2F%25%26%23%2B%3D",
    "/app/?a=1&b=2&next=/x&from=/y",
    "/app/%C3%A9?name=%E6%97%A5%E6%9C%AC",
    "/app/a;b=c,d/(e)/~f!$'*:@?g=/?:@!$'()*,;",
    "/app/?to=//other.example",
)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("query", ["next={encoded}", "from={verbatim}"])
def test_the_visitor_returns_to_the_requested_address(app: Flask, user: User, query: str) -> None:
    for address in ADDRESSES:
        client = app.test_client()
        page = "/login?" + query.format(verbatim=address, encoded=quote(address, safe=""))

        signed_in = post(client, page, email=user.email, password=PASSWORD)

        assert signed_in.headers["Location"] == address
        assert client.get(page).headers["Location"] == address


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_sign_in_leads_back_to_the_page_that_required_it(app: Flask, user: User) -> None:
    for page in ("/account/activity?before=a+b%2F%25%26&c=d", "/account?%C3%A9=%20"):
        client = app.test_client()
        sign_in_page = client.get(page).headers["Location"]

        answer = post(client, sign_in_page, email=user.email, password=PASSWORD)

        assert answer.headers["Location"] == page


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", ["/verify/email/a%20b", "/verify/email/a%3Fb%23c%25d+e%C3%A9"])
def test_an_error_page_links_to_the_address_that_failed(client: FlaskClient, path: str) -> None:
    answer = client.post(path)

    assert answer.status_code == 400
    assert f'href="{path}"' in answer.get_data(as_text=True)


ELSEWHERE = (
    "//evil.example",
    "/\\evil.example",
    "/%5Cevil.example",
    "%2F%2Fevil.example",
    "https://evil.example",
    "%09//evil.example",
    "/%09/evil.example",
    "/%0D%0AX-Injected:1",
    "evil.example",
    "javascript:alert(1)",
)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("parameter", ["next", "from"])
def test_no_address_leads_to_another_site(app: Flask, user: User, parameter: str) -> None:
    for target in ELSEWHERE:
        client = app.test_client()
        page = f"/login?{parameter}={target}"

        answer = post(client, page, email=user.email, password=PASSWORD)

        led_to = urljoin("https://accounts.example/login", answer.headers["Location"])
        assert led_to.startswith("https://accounts.example/"), target
        assert "X-Injected" not in answer.headers


def test_a_wrong_password_is_refused_like_an_unknown_address(
    client: FlaskClient, user: User
) -> None:
    wrong = post(client, "/login", email=user.email, password="not the password")
    unknown = post(client, "/login", email="nobody@example.org", password="not the password")

    def told(answer):
        return (
            answer.get_data(as_text=True).replace(user.email, "").replace("nobody@example.org", "")
        )

    assert wrong.status_code == unknown.status_code == 422
    strip = [line for line in told(wrong).splitlines() if "csrf" not in line]
    assert strip == [line for line in told(unknown).splitlines() if "csrf" not in line]


def test_signing_out_again_in_another_tab_succeeds(client: FlaskClient) -> None:
    answer = client.post("/logout")

    assert answer.status_code == 303
    assert answer.headers["Location"] == "/login"


def test_signing_out_requires_the_csrf_token(client: FlaskClient, user: User) -> None:
    sign_in(client)

    assert client.post("/logout").status_code == 400
    assert client.get("/account").status_code == 200


def test_a_get_never_signs_out(client: FlaskClient, user: User) -> None:
    sign_in(client)

    assert client.get("/logout").status_code == 405
    assert client.get("/account").status_code == 200


def test_the_outbox_page_exists_in_development_only(make_app: Callable[..., Flask]) -> None:
    production = make_app(**PRODUCTION).test_client()
    development = make_app().test_client()

    for path in ("/dev/outbox", "/dev/outbox.json"):
        assert development.get(path).status_code == 200
        assert production.get(path).status_code == 404


def test_an_unexpected_error_shows_no_traceback(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app()
    with app.app_context():
        db.session.execute(db.text("DROP TABLE outbox_messages"))
        db.session.commit()

    answer = app.test_client().get("/dev/outbox.json")

    assert answer.status_code in (500, 503)
    assert "Traceback" not in answer.get_data(as_text=True)


def test_an_unexpected_error_shows_a_reference_that_the_log_has(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    app.add_url_rule("/fault", view_func=lambda: 1 // 0)

    page = app.test_client().get("/fault")

    assert page.status_code == 500
    (logged,) = [record for record in caplog.records if record.exc_info]
    assert logged.exc_info[0] is ZeroDivisionError
    assert logged.getMessage() == "unexpected_error"
    assert page.headers["X-Request-ID"] in page.get_data(as_text=True)


def test_without_a_database_pages_return_503_and_never_401(
    client: FlaskClient, user: User, lose_database: Callable[[], None]
) -> None:
    sign_in(client)
    lose_database()

    answer = client.get("/account")

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("password", "least", "most"),
    [("short", 0, 1), ("passwordpassword", 0, 1), ("somebody@example.org", 0, 1), (PASSWORD, 3, 4)],
)
def test_the_strength_meter_follows_the_password_rule(
    client: FlaskClient, password: str, least: int, most: int
) -> None:
    answer = post(
        client, "/password/strength", "/register", email="somebody@example.org", password=password
    )

    assert least <= answer.get_json()["score"] <= most
    assert ("Strong password" in answer.get_json()["text"]) == (least >= 3)
