"""The form for a phone number, and its error when too many codes were requested."""

import unicodedata
from typing import Any

from flask_babel import get_locale
from flask_babel import gettext as _
from wtforms import SelectField, TelField
from wtforms.validators import InputRequired

from authapp.config import current_settings
from authapp.domain.phone_numbers import calling_code, served_regions
from authapp.errors import TooManyAttempts
from authapp.web import messages
from authapp.web.catalogue import lazy_gettext as _l
from authapp.web.forms import Form


class PhoneForm(Form):
    """A number, and its country in case the number has no country code."""

    # The service validates the country.
    region = SelectField(
        _l("Country"), validate_choice=False, render_kw={"autocomplete": "country"}
    )
    phone = TelField(
        _l("Mobile number"),
        validators=[InputRequired(_l("Enter your mobile number."))],
        render_kw={"autocomplete": "tel", "inputmode": "tel", "enterkeyhint": "send"},
    )

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.region.choices = _countries()
        self.region.data = self.region.data or current_settings().sms.default_region


def refuse_more(form: Form, refusal: TooManyAttempts) -> None:
    """Add an error that says when the next code can be requested."""
    form.form_errors.append(
        _("You've requested too many codes.") + " " + messages.for_wait(refusal.retry_after)
    )


def _countries() -> list[tuple[str, str]]:
    """Return the countries, named in the reader's language and sorted by name."""
    names = get_locale().territories
    named = [(region, names.get(region, region)) for region in served_regions()]
    named.sort(key=lambda each: _sort_key(each[1]))
    return [(region, f"{name} (+{calling_code(region)})") for region, name in named]


def _sort_key(name: str) -> str:
    """Return a name without accents: accented letters would otherwise sort last."""
    apart = unicodedata.normalize("NFKD", name)
    return "".join(mark for mark in apart if not unicodedata.combining(mark)).casefold()
