"""Every use case that changes cached rows, for tests of what they leave in the cache and send."""

import contextlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from authapp import clock
from authapp.domain import (
    emailed_links,
    one_time_tokens,
    phone_codes,
    restore_email,
    sessions,
    signing_keys,
)
from authapp.domain.emailed_links import Visitor
from authapp.domain.sign_ins import SignInDevice
from authapp.errors import InputRefused, SecondFactorRequired, TokenRevoked
from authapp.models import (
    Attempt,
    EndReason,
    JWTKey,
    KeyState,
    LostFactor,
    RevokeReason,
    Scope,
    User,
    VerificationToken,
    VerificationType,
    db,
)
from authapp.models.changes import delete_where
from authapp.security.opaque_tokens import digest, make_link_token, new_secret
from authapp.services import (
    api_tokens,
    change_email,
    change_password,
    delete_account,
    download_data,
    email_sign_in,
    freeze_account,
    invitations,
    keys,
    leaked_tokens,
    login,
    login_code,
    login_passkey,
    lost_factor,
    passkeys,
    password_reset,
    phone,
    purge,
    refresh,
    register,
    replace_app,
    revocation,
    roles,
    second_factors,
    sign_out,
    step_up,
    users,
    verify_email,
    verify_phone,
)
from authapp.token_cache import token_cache
from tests.support.accounts import DEVICE, HERE, PASSWORD, add_user, start_session
from tests.support.passkeys import Authenticator
from tests.support.second_factors import code_of, enroll
from tests.token_cache.rows import add_link, add_session, add_token

NEW_PASSWORD = "several other words in a row"
NUMBER = "+12025550123"


class Person:
    """A user with sessions, tokens and links of every kind, all of them cached."""

    def __init__(self) -> None:
        self.user = add_user("person@example.org")
        self.id = self.user.id
        self.signed_in = start_session(self.id, remember=False, client=HERE)
        self.identity = self.signed_in.identity
        self.device = SignInDevice(HERE, session=self.identity)
        self.elsewhere = add_session(self.id)
        self.token, self.token_value = add_token(self.id)
        for type in VerificationType:
            add_link(self.id, type=type)
            token_cache.get_verification_tokens_by_user(self.id, type)
        token_cache.get_tokens_by_user(self.id)
        token_cache.get_refresh_tokens_by_user(self.id)
        token_cache.warm_keys()

    def row(self) -> User:
        return db.session.get_one(User, self.id)

    def link(self, type: VerificationType, target: str | None = None) -> str:
        target = target or self.user.email
        value = one_time_tokens.issue(
            self.row(), type, target=target, lifetime=timedelta(minutes=9)
        )
        db.session.commit()
        return value


def _closed(who: Person) -> None:
    delete_account.close(who.identity, PASSWORD, client=HERE)


def _keep(who: Person) -> None:
    _closed(who)
    delete_account.keep(delete_account.issue_keep_token(who.id), client=HERE)


def _freeze(who: Person) -> None:
    freeze_account.freeze(
        freeze_account.check(who.link(VerificationType.NOT_ME)), who.user.email, client=HERE
    )


def _reset(who: Person) -> None:
    password_reset.request(who.user.email, client=HERE)
    password_reset.answer_requests()
    link = password_reset.check(who.link(VerificationType.PASSWORD_RESET))
    password_reset.reset(link, NEW_PASSWORD, revoke_tokens=True, client=HERE)


def _verify_email(who: Person) -> None:
    who.row().email_verified_at = None
    db.session.commit()
    verify_email.send_again(who.id, browser=None, client=HERE)
    verify_email.answer_requests()
    value = who.link(VerificationType.EMAIL_VERIFICATION)
    verify_email.claim(value, Visitor(who.id, None), "", device=DEVICE)


def _verify_email_by_code(who: Person) -> None:
    who.row().email_verified_at = None
    db.session.commit()
    code = emailed_links.code_of(who.link(VerificationType.EMAIL_VERIFICATION))
    verify_email.claim_by_code(who.id, Visitor(who.id, None), code, device=DEVICE)


def _change_email(who: Person) -> None:
    address = f"new.{who.user.email}"
    change_email.request(who.id, address, browser="x" * 43, client=HERE)
    value = who.link(VerificationType.EMAIL_CHANGE, address)
    change_email.claim(value, Visitor(who.id, None), "", client=HERE)


def _change_email_and_restore_it(who: Person) -> None:
    value = who.link(VerificationType.EMAIL_CHANGE, f"new.{who.user.email}")
    since = clock.now() - timedelta(minutes=1)
    pending = change_email.get_pending(who.id)
    assert pending is not None
    change_email.claim_by_code(
        pending, Visitor(who.id, None), emailed_links.code_of(value), client=HERE
    )
    restore_email.restore_email(who.row(), who.user.email, since=since, client=HERE)
    db.session.commit()


def _verify_phone(who: Person) -> None:
    verify_phone.begin(who.id, NUMBER, "US", client=HERE, replaces=True)
    pending = verify_phone.require_pending(who.id)
    verify_phone.claim(pending, phone_codes.code_of(pending) or "", client=HERE)
    phone.remove(who.id, client=HERE)


def _roll_keys(who: Person) -> None:
    keys.rotate(force=True)
    keys.revoke(signing_keys.signer().kid)
    keys.prune()


def _stage(who: Person) -> None:
    keys.ensure_active()
    delete_where(JWTKey, JWTKey.state == KeyState.NEXT)
    keys.stage()


def _purge(who: Person) -> None:
    link, _ = add_link(who.id)
    link.expires_at = clock.now() - timedelta(days=99)
    db.session.commit()
    assert list(purge.purge())


def _guess_in_session(who: Person) -> None:
    for _ in range(10):
        with contextlib.suppress(InputRefused, TokenRevoked):
            step_up.confirm_password(who.identity, "wrong", client=HERE)


def _confirm_with_a_code(who: Person) -> None:
    secret, _ = enroll(who.id)
    step_up.confirm_code(who.identity, code_of(secret), client=HERE)


def _sign_in_again(who: Person) -> None:
    login.sign_in(who.user.email, PASSWORD, remember=True, device=who.device)


def _use_passkeys(who: Person) -> None:
    browser, device = "x" * 43, Authenticator()
    made = device.create(passkeys.begin(who.id, browser=browser))
    passkeys.add(who.id, made, browser=browser, default_name="A device", client=HERE)
    answer = device.get(passkeys.begin_check(who.identity, browser=browser))
    step_up.confirm_passkey(who.identity, answer, browser=browser, client=HERE)
    answer = device.get(login_passkey.begin(browser=browser))
    login_passkey.sign_in(answer, browser=browser, remember=True, device=who.device)
    passkeys.remove(who.id, passkeys.list_passkeys(who.id)[0].id, client=HERE)


def _sign_in_with_a_code(who: Person) -> None:
    secret, _ = enroll(who.id)
    with pytest.raises(SecondFactorRequired) as required:
        login.sign_in(who.user.email, PASSWORD, remember=True, device=DEVICE)
    login_code.complete_sign_in(required.value.pending, code_of(secret), device=who.device)


def _replace_app(who: Person) -> None:
    enroll(who.id)
    value = replace_app.begin(who.id)
    secret = replace_app.get_enrollment(who.id, value).secret
    replace_app.confirm(who.id, value, code_of(secret), client=HERE)


def _lose_the_factor(who: Person) -> str:
    enroll(who.id)
    with pytest.raises(SecondFactorRequired) as required:
        login.sign_in(who.user.email, PASSWORD, remember=True, device=DEVICE)
    lost_factor.start(required.value.pending, client=HERE)
    return required.value.pending


def _sign_in_without_a_factor(who: Person) -> None:
    pending = _lose_the_factor(who)
    waiting = db.session.get_one(LostFactor, who.id)
    waiting.ends_at = waiting.remind_at = clock.now() - timedelta(minutes=1)
    db.session.commit()
    assert lost_factor.remind_due() == 1
    lost_factor.finish(pending, device=who.device)


def _stop_by_link(who: Person) -> None:
    _lose_the_factor(who)
    link = lost_factor.check_link(who.link(VerificationType.STOP_LOST_FACTOR))
    lost_factor.stop_by_link(link, Visitor(None, None), who.user.email, client=HERE)


def _sign_in_by_email(who: Person) -> None:
    visitor = Visitor(None, "x" * 43)
    email_sign_in.request(who.user.email, browser="x" * 43, client=HERE)
    assert email_sign_in.answer_requests() == 1
    code = emailed_links.code_of(newest_link(who.id))
    email_sign_in.sign_in_by_code(who.user.email, visitor, code, remember=False, device=who.device)
    email_sign_in.sign_in_by_link(
        who.link(VerificationType.EMAIL_SIGN_IN),
        Visitor(who.id, None),
        "",
        remember=False,
        device=DEVICE,
    )


def newest_link(user_id: UUID) -> str:
    """Return a value with the id of the newest sign-in link, which its code is derived from."""
    links = db.select(VerificationToken.id).where(
        VerificationToken.user_id == user_id,
        VerificationToken.type == VerificationType.EMAIL_SIGN_IN,
        VerificationToken.browser_digest.is_not(None),
    )
    return make_link_token(db.session.scalars(links).one(), new_secret())


def _accept_invitation(who: Person) -> None:
    invited = invitations.invite("made@example.org")
    row = db.session.query(VerificationToken).filter_by(user_id=invited).one()
    secret = new_secret()
    row.digest = digest(secret)
    db.session.commit()
    link = invitations.check(make_link_token(row.id, secret))
    invitations.accept(link, NEW_PASSWORD, device=DEVICE)


def _due(who: Person) -> None:
    who.row().delete_at = clock.now() - timedelta(days=2)
    db.session.commit()


def _forget_limits() -> None:
    db.session.execute(db.delete(Attempt))
    db.session.commit()


WALKS: dict[str, Callable[[Person], Any]] = {
    "make a token": lambda who: api_tokens.create(
        who.id, name="a script", scopes=["account:read"], expires_at=None, client=HERE
    ),
    "rename a token": lambda who: api_tokens.rename(who.id, who.token.id, "another name"),
    "rotate a token": lambda who: api_tokens.rotate(
        who.id, who.token.id, overlap=timedelta(), client=HERE
    ),
    "revoke a token": lambda who: api_tokens.revoke(who.id, who.token.id, client=HERE),
    "a token leaked": lambda who: leaked_tokens.report(who.token_value, client=HERE),
    "a leaked token is revoked": lambda who: leaked_tokens.revoke(
        who.token_value, RevokeReason.LEAK_FOUND
    ),
    "change the password": lambda who: change_password.change_password(
        who.identity, PASSWORD, NEW_PASSWORD, end_others=True, revoke_tokens=True, client=HERE
    ),
    "guess the password in a session": _guess_in_session,
    "confirm the password": lambda who: step_up.confirm_password(
        who.identity, PASSWORD, client=HERE
    ),
    "confirm with a code": _confirm_with_a_code,
    "close the account": _closed,
    "keep the account": _keep,
    "delete the account": lambda who: delete_account.delete(who.id),
    "delete what is due": lambda who: (_closed(who), _due(who), delete_account.delete_due()),
    "seal the keys again": lambda who: keys.rewrap(),
    "make the first keys": lambda who: keys.ensure_active(),
    "rotate and revoke keys": _roll_keys,
    "stage a key": _stage,
    "sign in": _sign_in_again,
    "sign in by email": _sign_in_by_email,
    "sign in with a code": _sign_in_with_a_code,
    "sign in after losing the factor": _sign_in_without_a_factor,
    "stop the waiting time by link": _stop_by_link,
    "an operator stops the waiting time": lambda who: (
        _lose_the_factor(who),
        lost_factor.stop(who.id, client=None),
    ),
    "create, use and remove a passkey": _use_passkeys,
    "turn two-step sign-in off": lambda who: (
        enroll(who.id),
        second_factors.remove_app(who.id, client=HERE),
    ),
    "replace the authenticator app": _replace_app,
    "renew the recovery codes": lambda who: (
        enroll(who.id),
        second_factors.renew_codes(who.id, client=HERE),
    ),
    "freeze the account": _freeze,
    "reset the password": _reset,
    "purge": _purge,
    "renew a session": lambda who: refresh.renew(who.signed_in.refresh_token, client=HERE),
    "register": lambda who: (
        register.register("new@example.org", PASSWORD, client=HERE),
        register.register(who.user.email, PASSWORD, client=HERE),
        verify_email.answer_requests(),
    ),
    "revoke by value": lambda who: revocation.revoke(who.signed_in.refresh_token, client=HERE),
    "sign out": lambda who: sign_out.sign_out(who.identity, client=HERE),
    "sign a device out": lambda who: sign_out.sign_out_device(
        who.id, who.elsewhere.id, client=HERE
    ),
    "sign the others out": lambda who: sign_out.sign_out_others(who.identity, client=HERE),
    "sign out everywhere": lambda who: sign_out.sign_out_everywhere(who.id, client=HERE),
    "an operator invites, twice": lambda who: invitations.invite_again(
        invitations.invite("made@example.org", given=["support"])
    ),
    "accept an invitation": _accept_invitation,
    "an operator sends a reset link": lambda who: password_reset.send(who.id),
    "download what is kept": lambda who: download_data.download_data(who.id, client=HERE),
    "an operator disables": lambda who: users.disable(who.id),
    "an operator withdraws a scope": lambda who: users.withdraw(who.id, Scope.ACCOUNT_READ),
    "an operator gives and takes away a role": lambda who: (
        roles.grant(who.id, "support"),
        roles.withdraw(who.id, "support"),
    ),
    "an operator signs out": lambda who: users.sign_out(who.id),
    "end all sessions": lambda who: (
        sessions.end_all(who.id, EndReason.SIGNED_OUT_ELSEWHERE),
        db.session.commit(),
    ),
    "verify the address": _verify_email,
    "verify the address by code": _verify_email_by_code,
    "change the address": _change_email,
    "change the address, and undo it": _change_email_and_restore_it,
    "verify a number": _verify_phone,
    "text a code again": lambda who: (
        verify_phone.begin(who.id, NUMBER, "US", client=HERE, replaces=True),
        _forget_limits(),
        verify_phone.send_again(verify_phone.require_pending(who.id), client=HERE),
    ),
}
