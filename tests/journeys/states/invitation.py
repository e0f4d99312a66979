"""Accepting an invitation, and registering where not everyone may."""

from tests.journeys.states.visit import NEW_PASSWORD, Visit, state


@state("invitation", REGISTRATION="invitation")
def follow_invitation(visit: Visit) -> None:
    visit.is_invited()
    visit.follow_mail()


@state("invitation-refused", REGISTRATION="invitation")
def accept_with_short_password(visit: Visit) -> None:
    visit.is_invited()
    visit.follow_mail()
    visit.fill(new_password="short")
    visit.press("Create account")


@state("invitation-accepted", REGISTRATION="invitation")
def accept_invitation(visit: Visit) -> None:
    visit.is_invited()
    visit.follow_mail()
    visit.fill(new_password=NEW_PASSWORD)
    visit.press("Create account")


@state("invitation-used")
def follow_used_invitation(visit: Visit) -> None:
    accept_invitation(visit)
    visit.follow_mail()


@state("invitation-broken")
def follow_invalid_invitation(visit: Visit) -> None:
    visit.open("/invitation/nonsense")


@state("mail-invitation")
def show_invitation(visit: Visit) -> None:
    visit.is_invited()
    visit.show_mail()


@state("register-closed", REGISTRATION="closed")
def register_where_registration_is_closed(visit: Visit) -> None:
    visit.open("/register")


@state("register-invitation", REGISTRATION="invitation")
def register_without_invitation(visit: Visit) -> None:
    visit.open("/register")


@state(
    "register-domains",
    REGISTRATION="domains",
    REGISTRATION_DOMAINS="example.com,example.net",
)
def register_with_an_address_elsewhere(visit: Visit) -> None:
    visit.open("/register")
    visit.fill(email=visit.email, password=NEW_PASSWORD)
    visit.press("Register")
