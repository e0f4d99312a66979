"""The fields that several forms share."""

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, Field, PasswordField
from wtforms.validators import InputRequired

from authapp.errors import InputRefused
from authapp.web import words


def email_field() -> Field:
    """Return a field for an e-mail address; whether it is one is the service's to say."""
    return EmailField(
        _l("E-mail address"),
        validators=[InputRequired(_l("Enter your e-mail address."))],
        render_kw={
            "autocomplete": "username",
            "inputmode": "email",
            "autocapitalize": "none",
            "spellcheck": "false",
        },
    )


def password_field(autocomplete: str) -> Field:
    """Return a field for a password: `current-password` or `new-password`."""
    return PasswordField(
        _l("Password"),
        validators=[InputRequired(_l("Enter a password."))],
        render_kw={"autocomplete": autocomplete, "autocapitalize": "none", "spellcheck": "false"},
    )


class RegisterForm(FlaskForm):  # type: ignore[misc]
    """An address and a new password."""

    email = email_field()
    password = password_field("new-password")


class LoginForm(FlaskForm):  # type: ignore[misc]
    """An address, a password, and for how long."""

    email = email_field()
    password = password_field("current-password")
    remember = BooleanField(_l("Keep me signed in"))


def show_refusal(form: Any, refusal: InputRefused) -> None:
    """Put a service's refusal beside its field."""
    field = form[refusal.field]
    field.errors = [*field.errors, words.for_input(refusal)]
