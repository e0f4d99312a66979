"""The form that asks for a phone number, and the answer where no more texts may be sent."""

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
    """A number, and the country that it is of if it does not say so itself."""

    # Which countries there are is the service's to say.
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
    """Say that no more messages are sent for now, and until when."""
    form.form_errors.append(
        _("You've requested too many codes.") + " " + messages.for_wait(refusal.retry_after)
    )


def _countries() -> list[tuple[str, str]]:
    """Return the countries by their names in the reader's language, as that sorts them."""
    names = get_locale().territories
    named = [(region, names.get(region, region)) for region in served_regions()]
    named.sort(key=lambda each: _sort_key(each[1]))
    return [(region, f"{name} (+{calling_code(region)})") for region, name in named]


def _sort_key(name: str) -> str:
    """Return a name without its accents, which sort last otherwise."""
    apart = unicodedata.normalize("NFKD", name)
    return "".join(mark for mark in apart if not unicodedata.combining(mark)).casefold()
