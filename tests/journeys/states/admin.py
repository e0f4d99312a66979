"""The operators' pages."""

from tests.journeys.states.visit import Visit, state
from tests.support.accounts import PASSWORD
from tests.support.second_factors import code_of


@state("admin")
def open_overview(visit: Visit) -> None:
    visit.has_verified()
    visit.sign_in("not the password of anybody")
    secret = visit.get_role()
    visit.sign_in()
    visit.fill(code=code_of(secret))
    visit.press("Sign in")
    visit.open("/admin")


@state("step_up-administrator")
def ask_an_administrator_for_a_factor(visit: Visit) -> None:
    visit.has_verified()
    secret = visit.get_role()
    asked = visit.submit("/login", email=visit.email, password=PASSWORD)
    visit.submit(asked, code=code_of(secret), remember_device="y")
    visit.submit("/account", to="/logout")
    visit.submit("/login", email=visit.email, password=PASSWORD)
    visit.open("/admin")


@state("admin-users")
def open_accounts(visit: Visit) -> None:
    visit.is_administrator()
    visit.open("/admin/users")


@state("admin-users-none")
def find_no_account(visit: Visit) -> None:
    visit.is_administrator()
    visit.open("/admin/users?search=nobody")


@state("admin-user")
def open_user(visit: Visit) -> None:
    visit.is_administrator()
    visit.open("/admin/users")
    visit.follow("View visitor@example.org")


@state("admin-user-invited")
def invite(visit: Visit) -> None:
    open_invitation(visit)
    visit.fill(email="grace.hopper@example.org")
    visit.press("Send invitation")


@state("admin-invite")
def open_invitation(visit: Visit) -> None:
    visit.is_administrator()
    visit.open("/admin/users")
    visit.follow("Invite someone")


@state("admin-invite-refused")
def invite_someone_with_an_account(visit: Visit) -> None:
    open_invitation(visit)
    visit.fill(email=visit.email)
    visit.press("Send invitation")


@state("admin-ask")
def ask_to_disable(visit: Visit) -> None:
    open_user(visit)
    visit.follow("Disable account")


@state("admin-keys")
def open_keys(visit: Visit) -> None:
    visit.is_administrator()
    visit.open("/admin/keys")


@state("admin-outbox")
def open_outbox(visit: Visit) -> None:
    visit.is_administrator()
    visit.open("/admin/outbox")


@state("admin-audit")
def open_audit(visit: Visit) -> None:
    visit.is_administrator()
    visit.open("/admin/audit")
