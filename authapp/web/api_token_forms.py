"""The forms that create, rename and rotate an API token."""

import secrets
from datetime import UTC, datetime, time, timedelta
from typing import Final

from wtforms import (
    DateField,
    HiddenField,
    RadioField,
    SelectChoice,
    SelectMultipleField,
    StringField,
)
from wtforms.validators import InputRequired, Optional
from wtforms.widgets import CheckboxInput

from authapp import clock
from authapp.domain.api_token_rules import NAME_CHARACTERS
from authapp.errors import InputRefused
from authapp.models import Scope
from authapp.web import messages
from authapp.web.catalogue import lazy_gettext as _l
from authapp.web.forms import Form

_ON_A_DATE: Final = "date"
_NEVER: Final = "never"
_LIVES: Final = {"30": timedelta(days=30), "90": timedelta(days=90), "365": timedelta(days=365)}
_OVERLAPS: Final = {
    "0": timedelta(),
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
}


def _name_field(enter: str) -> StringField:
    return StringField(
        _l("Name"),
        validators=[InputRequired(_l("Enter a name that says what the token is for."))],
        render_kw={"maxlength": NAME_CHARACTERS, "autocomplete": "off", "enterkeyhint": enter},
    )


class NewTokenForm(Form):
    """A token's name, permissions and expiration; `key` identifies a form that is sent twice."""

    key = HiddenField(default=lambda: secrets.token_urlsafe(16))
    name = _name_field("next")
    scopes = SelectMultipleField(
        _l("Permissions"),
        validators=[InputRequired(_l("Choose at least one permission."))],
        choices=[],
        # The service validates the scopes.
        validate_choice=False,
        option_widget=CheckboxInput(),
    )
    expiry = RadioField(
        _l("Expiration"),
        choices=[
            SelectChoice("30", _l("In 30 days")),
            SelectChoice("90", _l("In 90 days")),
            SelectChoice("365", _l("In 1 year")),
            SelectChoice(_ON_A_DATE, _l("On a date you choose")),
            SelectChoice(_NEVER, _l("Never")),
        ],
        default="90",
    )
    expires_at = DateField(
        _l("Expiration date"),
        validators=[Optional()],
        invalid_value_message=_l("Enter a date in the format 2027-01-31."),
        render_kw={"autocomplete": "off", "enterkeyhint": "go"},
    )

    def offer(self, scopes: list[Scope]) -> None:
        """Offer these permissions, and no others."""
        self.scopes.choices = [SelectChoice(scope, messages.SCOPES[scope]) for scope in scopes]

    def read_expiry(self) -> datetime | None:
        """Return when the token expires; raises InputRefused if a date is needed but missing."""
        if self.expiry.data == _NEVER:
            return None
        if self.expiry.data != _ON_A_DATE:
            return clock.now() + _LIVES[self.expiry.data]
        if self.expires_at.data is None:
            raise InputRefused("expires_at", "missing")
        return datetime.combine(self.expires_at.data, time.max, UTC)


class RenameForm(Form):
    """A token's new name."""

    name = _name_field("go")


class RotateForm(Form):
    """How long the old token keeps working."""

    overlap = RadioField(
        _l("When should the old token stop working?"),
        choices=[
            SelectChoice("0", _l("Immediately")),
            SelectChoice("1h", _l("In 1 hour")),
            SelectChoice("1d", _l("In 1 day")),
            SelectChoice("7d", _l("In 1 week")),
        ],
        default="1d",
    )

    def read_overlap(self) -> timedelta:
        """Return for how long the old token works in addition to the new one."""
        return _OVERLAPS[self.overlap.data]
