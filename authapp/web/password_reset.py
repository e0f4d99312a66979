"""Resetting a password with an emailed link."""

from typing import Final

from flask import Blueprint, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from authapp.config import current_settings
from authapp.domain import known_devices
from authapp.domain.email_addresses import MAX_CHARACTERS
from authapp.errors import InputRefused, TokenRefused, TokenRevoked, TokenUsed
from authapp.http.client import client
from authapp.http.credentials import DEVICE, cookie
from authapp.services import account, api_tokens
from authapp.services import password_reset as service
from authapp.token_cache.records import VerificationTokenRecord
from authapp.web import authn, explanations, flows, login
from authapp.web.catalogue import lazy_gettext as _l
from authapp.web.flows import Flow
from authapp.web.forms import Form, email_field, password_field, revoke_tokens_field, show_refusal
from authapp.web.navigation import local_path, next_page

blueprint = Blueprint("password_reset", __name__, url_prefix="/password/reset")

_LONGEST_LINK: Final = 200
_STARTED: Final = "password_reset_started"
_ASKED: Final = "password_reset_asked"
_OPENED: Final = "password_reset"


class AskForm(Form):
    """The email address of an account."""

    email = email_field("send")


class ChooseForm(Form):
    """A new password, and whether to revoke API tokens."""

    new_password = password_field("new-password", label=_l("New password"))
    revoke_tokens = revoke_tokens_field()


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Show the form that requests a link."""
    started = flows.opened(_STARTED)
    email = started.subject if started else None
    if g.identity:
        email = account.get_account(g.identity.user_id).email
    return _render_ask(AskForm(data={"email": email}))


@blueprint.post("/start")
def start() -> ResponseReturnValue:
    """Continue from the sign-in page, with the address that was typed there."""
    email = request.form.get("email", "").strip()[:MAX_CHARACTERS]
    flow = flows.start(_STARTED, email) if email else None
    return redirect(url_for("password_reset.show", flow=flow, next=next_page("") or None), 303)


@blueprint.get("/start")
def restart() -> ResponseReturnValue:
    """Redirect to the form, if someone opens the address of its button."""
    return redirect(url_for("password_reset.show"))


@blueprint.post("")
def submit() -> ResponseReturnValue:
    """Request a link; the response is the same for every address."""
    form = AskForm()
    if not form.validate():
        return _render_ask(form), 422
    try:
        service.request(form.email.data, client=client(), continue_to=next_page(""))
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render_ask(form), 422
    flow = flows.start(_ASKED, form.email.data.strip())
    return redirect(url_for("password_reset.sent", flow=flow), 303)


@blueprint.get("/sent")
def sent() -> ResponseReturnValue:
    """Explain what happens next."""
    asked = flows.opened(_ASKED)
    return render_template("password_reset/sent.html", email=asked.subject if asked else None)


@blueprint.get("/<value>")
def open_link(value: str) -> ResponseReturnValue:
    """Move the link's secret from the URL to the session cookie before any page is shown.

    This keeps it out of the browser's history, out of Referer headers, and off the screen.
    Source: OWASP Forgot Password Cheat Sheet.
    """
    flow = flows.start(_OPENED, value[:_LONGEST_LINK])
    return redirect(url_for("password_reset.choose", flow=flow), 303)


@blueprint.get("/new")
def choose() -> ResponseReturnValue:
    """Show the form for the new password; opening it changes nothing."""
    opened = flows.opened(_OPENED)
    if opened is None:
        return _render_refused(explanations.RESET_LINK_NOT_OPENED)
    try:
        link = service.check(opened.subject)
    except TokenRefused as refusal:
        return _refused(refusal)
    return _render(ChooseForm(), link, opened)


@blueprint.post("/new")
def reset() -> ResponseReturnValue:
    """Set the password without signing in; each link works once."""
    form, opened = ChooseForm(), flows.opened(_OPENED)
    if opened is None:
        return _render_refused(explanations.RESET_LINK_NOT_OPENED)
    try:
        link = service.check(opened.subject)
        if not form.validate():
            return _render(form, link, opened), 422
        outcome = service.reset(
            link,
            form.new_password.data,
            revoke_tokens=form.revoke_tokens.data,
            client=client(),
        )
    except TokenRefused as refusal:
        return _refused(refusal)
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render(form, link, opened), 422
    if g.identity and g.identity.user_id == outcome.user_id:
        authn.clear_session_cookies()
    # Strangers who go on guessing must not keep the owner from signing in here.
    authn.set_device_cookie(known_devices.learn(cookie(DEVICE), outcome.user_id))
    # The link may have been opened in another browser than the one that asked for it.
    if asked_for := local_path(outcome.continue_to, ""):
        session[login.CONTINUE_TO] = asked_for
    session["password_was_reset"] = True
    return redirect(url_for("password_reset.done"), 303)


@blueprint.get("/done")
def done() -> ResponseReturnValue:
    """Confirm that the password is set, and offer to sign in."""
    if "password_was_reset" not in session:
        return redirect(url_for("password_reset.show"))
    return render_template("password_reset/done.html")


def _render_ask(form: AskForm) -> str:
    return render_template("password_reset/ask.html", form=form, next=next_page("") or None)


def _render(form: ChooseForm, link: VerificationTokenRecord, opened: Flow) -> str:
    least = current_settings().accounts.password_min_length
    return render_template(
        "password_reset/choose.html",
        form=form,
        email=link.target,
        least=least,
        flow=opened,
        tokens=api_tokens.list_tokens(link.user_id),
    )


def _refused(refusal: TokenRefused) -> ResponseReturnValue:
    if isinstance(refusal, TokenRevoked):
        return _render_refused(explanations.RESET_LINK_VOID)
    return _render_refused(explanations.for_link(refusal), was_used=isinstance(refusal, TokenUsed))


def _render_refused(
    text: explanations.Explanation, *, was_used: bool = False
) -> ResponseReturnValue:
    return render_template("password_reset/refused.html", text=text, was_used=was_used), 410
