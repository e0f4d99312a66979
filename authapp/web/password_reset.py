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
from authapp.web import authn, explanations, flows, login, opened_links
from authapp.web.catalogue import lazy_gettext as _l
from authapp.web.flows import Flow
from authapp.web.forms import Form, email_field, password_field, revoke_tokens_field, show_refusal
from authapp.web.navigation import local_path, next_page, requested_page

blueprint = Blueprint("password_reset", __name__, url_prefix="/password/reset")

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
    return redirect(url_for("password_reset.show", flow=flow, next=requested_page()), 303)


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
    """Move the link's secret from the URL to the session cookie."""
    return opened_links.open_link(_OPENED, value, "password_reset.choose")


@blueprint.get("/new")
def choose() -> ResponseReturnValue:
    """Show the form for the new password; opening it changes nothing."""
    opened = opened_links.require(_OPENED)
    return _render(ChooseForm(), service.check(opened.subject), opened)


@blueprint.post("/new")
def reset() -> ResponseReturnValue:
    """Set the password without signing in; each link works once."""
    form, opened = ChooseForm(), opened_links.require(_OPENED)
    link = service.check(opened.subject)
    if not form.validate():
        return _render(form, link, opened), 422
    try:
        outcome = service.reset(
            link,
            form.new_password.data,
            revoke_tokens=form.revoke_tokens.data,
            client=client(),
        )
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
    return render_template("password_reset/ask.html", form=form, next=requested_page())


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


@blueprint.errorhandler(TokenRefused)
def _refused(refusal: TokenRefused) -> ResponseReturnValue:
    text = explanations.for_link(refusal)
    if isinstance(refusal, TokenRevoked):
        text = explanations.RESET_LINK_VOID
    was_used = isinstance(refusal, TokenUsed)
    return render_template("password_reset/refused.html", text=text, was_used=was_used), 410
