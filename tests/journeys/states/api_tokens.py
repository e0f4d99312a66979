"""API tokens."""

from tests.journeys.states.visit import Visit, state


def _with_token(visit: Visit, name: str = "Nightly backup") -> None:
    """Sign in and create a token, which is shown."""
    visit.has_entered()
    visit.create_token(name)


def _with_listed_token(visit: Visit, link: str) -> None:
    _with_token(visit)
    visit.open("/account/tokens")
    visit.page.get_by_role("link", name=link, exact=True).click()


@state("api_tokens-none")
def list_no_tokens(visit: Visit) -> None:
    visit.has_entered()
    visit.open("/account/tokens")


@state("api_tokens-new")
def open_token_creation(visit: Visit) -> None:
    visit.has_entered()
    visit.open("/account/tokens/new")


@state("api_tokens-new-refused")
def create_token_with_past_expiry(visit: Visit) -> None:
    visit.has_entered()
    visit.open("/account/tokens/new")
    visit.page.get_by_label("On a date you choose").check()
    visit.fill(expires_at="2020-01-31")
    visit.press("Create token")


@state("api_tokens-made")
def create_token(visit: Visit) -> None:
    _with_token(visit)


@state("api_tokens")
def list_tokens_after_rotation(visit: Visit) -> None:
    _with_listed_token(visit, "Rotate")
    visit.press("Rotate token")
    visit.open("/account/tokens")


@state("api_tokens-rename")
def open_token_renaming(visit: Visit) -> None:
    _with_listed_token(visit, "Rename")


@state("api_tokens-rotate")
def open_token_rotation(visit: Visit) -> None:
    _with_listed_token(visit, "Rotate")


@state("api_tokens-revoke")
def open_token_revocation(visit: Visit) -> None:
    _with_listed_token(visit, "Revoke")


@state("api_tokens-revoked")
def revoke_token(visit: Visit) -> None:
    _with_listed_token(visit, "Revoke")
    visit.press("Revoke token")


@state("mail-api_token_leaked")
def show_leaked_token_email(visit: Visit) -> None:
    _with_token(visit)
    value = visit.page.locator("#value").inner_text()
    report = {"token": value}
    visit.page.request.post(f"{visit.server}/api/v1/tokens/report", data=report)
    visit.show_mail()


@state("mail-api_token_made")
def show_token_created_email(visit: Visit) -> None:
    _with_token(visit)
    visit.show_mail()
