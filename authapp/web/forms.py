"""Forms and fields that several pages share."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from flask_babel.speaklater import LazyString
from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, Field, HiddenField, PasswordField, StringField
from wtforms.validators import InputRequired

from authapp.domain.factors import remembered_devices
from authapp.errors import InputRefused, TooManyAttempts
from authapp.http.problems import retry_after
from authapp.web import drafts, messages
from authapp.web.catalogue import lazy_gettext as _l


class Form(FlaskForm):  # type: ignore[misc]
    """The base class of forms; it reads text fields and ignores uploaded files.

    After a sign-in that interrupted it, a form shows again what was typed.
    """

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        def wrap_formdata(self, _form: Any, _formdata: Any) -> Any:
            return request.form if request.method == "POST" else drafts.restore()


def email_field(
    enter: str = "next", label: LazyString | None = None, autocomplete: str = "username"
) -> Field:
    """Return a field for an email address; the service validates the address."""
    return EmailField(
        label or _l("Email address"),
        validators=[InputRequired(_l("Enter your email address."))],
        render_kw={
            # Password managers store the password under this field's value.
            "autocomplete": autocomplete,
            "inputmode": "email",
            "enterkeyhint": enter,
            "autocapitalize": "none",
            "spellcheck": "false",
        },
    )


def password_field(autocomplete: str, enter: str = "go", label: LazyString | None = None) -> Field:
    """Return a field for a password: `current-password` or `new-password`."""
    return PasswordField(
        label or _l("Password"),
        validators=[InputRequired(_l("Enter a password."))],
        render_kw={
            "autocomplete": autocomplete,
            "enterkeyhint": enter,
            "autocapitalize": "none",
            "spellcheck": "false",
        },
    )


def revoke_tokens_field() -> Field:
    """Return a checkbox, selected at first, that revokes API tokens along with a password."""
    return BooleanField(_l("Revoke all API tokens"), default=True)


def code_field() -> Field:
    """Return a field for a six-digit code, which may be pasted with spaces."""
    return StringField(
        _l("Code"),
        validators=[InputRequired(_l("Enter the six-digit code from the message."))],
        render_kw={
            "autocomplete": "one-time-code",
            "inputmode": "numeric",
            "enterkeyhint": "go",
            "autocapitalize": "none",
            "spellcheck": "false",
            "class": "code",
        },
    )


class CodeForm(Form):
    """A code from an email or a text message."""

    code = code_field()


class RememberDeviceForm(Form):
    """Whether to ask for a second step on this device again, if the server offers the choice."""

    remember_device = BooleanField()

    def __init__(self) -> None:
        super().__init__()
        if not remembered_devices.is_offered():
            del self.remember_device

    @property
    def remembers_device(self) -> bool:
        """Whether the user asked to have the device remembered."""
        return "remember_device" in self and bool(self.remember_device.data)


class RegisterForm(Form):
    """An email address and a new password."""

    email = email_field()
    password = password_field("new-password")


class LoginForm(Form):
    """An email address, a password, and whether to stay signed in."""

    # Browsers list passkeys in the field.
    email = email_field(autocomplete="username webauthn")
    password = password_field("current-password")
    remember = BooleanField(_l("Keep me signed in"))


class PasskeyForm(Form):
    """What the browser answered, as JSON; static/passkeys.js fills it in."""

    passkey = HiddenField(filters=[lambda sent: sent or ""])


def show_refusal(form: Any, refusal: InputRefused) -> None:
    """Show a service's refusal next to its field."""
    field = form[refusal.field]
    field.errors = [*field.errors, messages.for_input(refusal)]


def refuse_codes(
    field: Any, refusal: TooManyAttempts, instead: LazyString
) -> tuple[int, dict[str, str]]:
    """Show next to a code's field when to try again, or what to do instead; return as `for_now`."""
    field.errors = [messages.for_too_many_codes(refusal, instead)]
    return for_now(refusal)


def refused_for_now(
    form: Any, refusal: TooManyAttempts, render: Callable[[Any], str]
) -> ResponseReturnValue:
    """Show the form again and say when to retry, so that users do not lose what they typed."""
    form.form_errors.append(messages.for_too_many(refusal))
    return render(form), *for_now(refusal)


def for_now(refusal: TooManyAttempts) -> tuple[int, dict[str, str]]:
    """Return the status and header of a page that says when to try again."""
    return HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": retry_after(refusal.retry_after)}
