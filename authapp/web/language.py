"""The page where a reader chooses a language, for the browser and for the account."""

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _

from authapp.language import find, offered, tag_of, written_in
from authapp.services import language as service
from authapp.web import i18n
from authapp.web.navigation import next_page

blueprint = Blueprint("language", __name__, url_prefix="/language")


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Show the languages, each by its own name."""
    return render_template("language/show.html", current=get_locale().language)


@blueprint.post("")
def choose() -> ResponseReturnValue:
    """Use the language in this browser and, if the user is signed in, for the account."""
    chosen = find(request.form.get("language"))
    if chosen not in offered():
        return redirect(url_for("language.show"), 303)
    tag = tag_of(i18n.as_used_here(chosen))
    i18n.remember(tag)
    if g.identity:
        service.choose(g.identity.user_id, tag)
        with written_in(tag):
            flash(_("Language changed. We'll also use it in emails and text messages."))
    return redirect(next_page(url_for("account.show" if g.identity else "home.show")), 303)
