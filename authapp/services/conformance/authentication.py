"""Requirements on passwords, guessing, links, codes and second factors."""

from datetime import timedelta
from typing import Final

from authapp.config import Settings
from authapp.services.conformance.requirement import Requirement

_TEN_MINUTES: Final = timedelta(minutes=10)
_SINGLE_FACTOR_CHARACTERS: Final = 15
_NIST_FAILURES: Final = 100


def _has_long_passwords(settings: Settings) -> str:
    if settings.accounts.password_min_length >= _SINGLE_FACTOR_CHARACTERS:
        return ""
    return f"PASSWORD_MIN_LENGTH is less than {_SINGLE_FACTOR_CHARACTERS}"


def _knows_breached_passwords(settings: Settings) -> str:
    if settings.accounts.pwned_passwords_url:
        return ""
    return "PWNED_PASSWORDS_URL is not set; only the built-in lists are checked"


def _has_brief_codes(settings: Settings) -> str:
    if settings.accounts.email_verification_lifetime <= _TEN_MINUTES:
        return ""
    return "EMAIL_VERIFICATION_LIFETIME, which is that of emailed codes too, exceeds 10 minutes"


def _ends_guessing(settings: Settings) -> str:
    limits = settings.limits
    most = max(
        limits.sign_in_in_a_row,
        limits.second_factor_in_a_row,
        limits.codes_in_a_row,
        limits.confirm_password,
    )
    return "" if most <= _NIST_FAILURES else "more than 100 failures in a row are allowed"


AUTHENTICATION: Final = (
    Requirement(
        "ASVS 6.2.1",
        "Passwords that are the only factor have at least 15 characters",
        "tests/security/test_passwords.py::test_only_guessable_passwords_are_refused",
        _has_long_passwords,
    ),
    Requirement(
        "ASVS 6.2.8, 6.2.9",
        "Long passwords are allowed, and used as typed",
        "tests/security/test_passwords.py::test_a_password_is_not_truncated",
    ),
    Requirement(
        "ASVS 6.2.4",
        "Common passwords are refused",
        "tests/security/test_passwords.py::test_a_common_password_is_refused_however_it_is_spelled",
    ),
    Requirement(
        "ASVS 6.2.12",
        "Breached passwords are refused",
        "tests/domain/test_breached_passwords.py"
        "::test_a_listed_password_is_refused_and_the_service_learns_five_digits",
        _knows_breached_passwords,
    ),
    Requirement(
        "ASVS 6.2.11",
        "Words of the context do not make a password stronger",
        "tests/security/test_passwords.py::test_repeated_and_personal_parts_do_not_count",
    ),
    Requirement(
        "ASVS 6.2.3",
        "Changing a password needs the current one",
        "tests/web/test_change_password.py::test_a_wrong_password_changes_nothing",
    ),
    Requirement(
        "ASVS 6.4.6",
        "Operators neither choose nor learn a password",
        "tests/cli/test_users.py::test_the_recipient_of_the_invitation_sets_the_password",
    ),
    Requirement(
        "ASVS 11.4.2",
        "Passwords are stored as Argon2id hashes",
        "tests/security/test_passwords.py::test_a_password_verifies_only_exactly_as_set",
    ),
    Requirement(
        "ASVS 6.3.1",
        "Guessing is limited, and no stranger can lock an owner out",
        "tests/domain/limits/test_sign_in_limits.py"
        "::test_no_stranger_locks_an_owner_out_of_a_known_browser",
    ),
    Requirement(
        "NIST 3.2.2",
        "At most 100 failures in a row",
        "tests/domain/limits/test_sign_in_limits.py"
        "::test_slow_guessing_ends_the_same_way_for_every_address",
        _ends_guessing,
    ),
    Requirement(
        "NIST 3.2.2",
        "At most 100 wrong codes in a row, however many codes are sent",
        "tests/domain/limits/test_code_guesses.py::test_only_a_success_permits_more_guesses",
        _ends_guessing,
    ),
    Requirement(
        "NIST 3.1.3.2",
        "A new code does not permit more guesses",
        "tests/web/test_verify_email.py"
        "::test_guesses_are_limited_and_a_new_code_does_not_reset_the_limit",
    ),
    Requirement(
        "ASVS 6.3.8",
        "Nothing reveals whether an address has an account",
        "tests/cli/test_enumeration.py::test_nothing_reveals_whether_an_address_has_an_account",
    ),
    Requirement(
        "ASVS 6.3.5",
        "Owners are told of suspicious attempts",
        "tests/domain/limits/test_sign_in_limits.py::test_the_owner_is_told_of_a_block_once",
    ),
    Requirement(
        "ASVS 6.5.5",
        "Codes expire after at most 10 minutes",
        "tests/web/test_verify_phone.py::test_a_code_expires_after_ten_minutes",
        _has_brief_codes,
    ),
    Requirement(
        "ASVS 6.5.1",
        "Links and codes work once",
        "tests/web/test_password_reset.py::test_a_link_sets_a_password_once",
    ),
    Requirement(
        "ASVS 6.5.1, RFC 6238",
        "A code of an authenticator app works once",
        "tests/web/test_second_factors.py::test_a_code_works_once",
    ),
    Requirement(
        "ASVS 6.3.3",
        "A second factor that resists phishing: passkeys work on this site only",
        "tests/web/test_passkeys.py::test_an_answer_that_differs_in_one_thing_is_refused",
    ),
    Requirement(
        "ASVS 6.3.3",
        "A password alone does not bypass a passkey",
        "tests/web/test_passkeys.py::test_a_password_alone_does_not_sign_in",
    ),
    Requirement(
        "WebAuthn 7.2",
        "A challenge works once, for one purpose, in the browser that asked",
        "tests/web/test_passkeys.py"
        "::test_a_replayed_challenge_is_refused_even_with_the_cookie_that_asked",
    ),
    Requirement(
        "WebAuthn 6.1.1",
        "A copied passkey is refused, and its owner is told",
        "tests/web/test_passkeys.py"
        "::test_a_counter_that_goes_back_is_refused_and_the_owner_is_told_once",
    ),
    Requirement(
        "ASVS 6.5.2",
        "The database reveals no secret that lets its reader in",
        "tests/test_stored_secrets.py::test_no_secret_of_any_flow_is_stored",
    ),
    Requirement(
        "ASVS 6.6.2",
        "A link needs the browser that asked, its user, or the code",
        "tests/journeys/test_scanner.py::test_nothing_is_verified_reset_undone_or_frozen",
    ),
    Requirement(
        "ASVS 3.5.3",
        "GET requests change nothing",
        "tests/web/test_verify_email.py::test_opening_the_link_changes_nothing",
    ),
    Requirement(
        "ASVS 6.4.3",
        "A password reset does not bypass the second factor",
        "tests/web/test_second_factors.py::test_a_password_reset_keeps_the_second_factor",
    ),
    Requirement(
        "ASVS 6.4.3",
        "A password set by email starts no waiting time that ends the second factor",
        "tests/web/test_lost_factor.py::test_the_mailbox_alone_is_never_enough",
    ),
    Requirement(
        "NIST 4.6",
        "Security emails say how to undo what they report",
        "tests/domain/test_security_notices.py"
        "::test_a_notice_names_the_device_and_has_a_not_me_link",
    ),
)
