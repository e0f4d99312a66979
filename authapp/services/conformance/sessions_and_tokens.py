"""Requirements on sessions, cookies, tokens, keys and what is stored."""

from typing import Final

from authapp.config import Settings
from authapp.services.conformance.requirement import Requirement


def _has_https(settings: Settings) -> str:
    is_https = settings.deployment.public_url.startswith("https://")
    return "" if is_https else "PUBLIC_URL is not https"


SESSIONS_AND_TOKENS: Final = (
    Requirement(
        "ASVS 7.2.4",
        "Authenticating again replaces the session's tokens",
        "tests/web/test_change_password.py::test_the_session_is_replaced",
    ),
    Requirement(
        "ASVS 7.3.1, 7.3.2",
        "Sessions have an idle and an absolute limit",
        "tests/services/test_refresh.py::test_use_moves_the_idle_limit_but_not_the_absolute_one",
    ),
    Requirement(
        "ASVS 7.4.1",
        "Signing out ends every copy of the session's tokens",
        "tests/web/test_authn.py::test_signing_out_invalidates_every_copy_of_the_token",
    ),
    Requirement(
        "ASVS 7.4.2",
        "Disabling an account ends all of its access",
        "tests/cli/test_users.py"
        "::test_disabling_ends_all_access_at_once_and_enabling_restores_sign_in",
    ),
    Requirement(
        "ASVS 7.4.5",
        "Operators can end the sessions of one account or of all",
        "tests/cli/test_users.py::test_everyone_is_signed_out_after_confirmation",
    ),
    Requirement(
        "ASVS 7.5.1",
        "Security changes need a recent password",
        "tests/web/test_change_email.py::test_changing_the_address_requires_a_recent_password",
    ),
    Requirement(
        "ASVS 7.5.2",
        "Users see their sessions, and can end them",
        "tests/web/test_sessions.py::test_signing_out_a_device_ends_only_its_session_at_once",
    ),
    Requirement(
        "ASVS 3.3.1, 3.3.3",
        "Cookies are Secure, HttpOnly, SameSite, and bound to the host",
        "tests/web/test_authn.py::test_cookies_are_as_strict_as_the_url_allows",
        _has_https,
    ),
    Requirement(
        "ASVS 3.5.1",
        "Forms are accepted from this site only",
        "tests/web/test_csrf.py::test_only_forms_from_this_site_are_accepted",
    ),
    Requirement(
        "ASVS 14.3.2",
        "Pages are not cached",
        "tests/web/test_pages.py::test_every_page_has_the_security_headers",
    ),
    Requirement(
        "RFC 8725 3.1",
        "The algorithm is the key's, never the token's",
        "tests/web/test_authn.py::test_a_token_signed_with_the_public_key_as_a_secret_is_refused",
    ),
    Requirement(
        "RFC 8725 3.10",
        "No token brings its own key",
        "tests/web/test_authn.py::test_a_foreign_key_is_refused_however_it_is_offered",
    ),
    Requirement(
        "RFC 8725 3.8, 3.9, 3.11",
        "Issuer, audience, type and times are checked",
        "tests/web/test_authn.py::test_a_token_with_our_signature_and_a_wrong_claim_is_refused",
    ),
    Requirement(
        "RFC 9700 4.14.2",
        "Reusing an old refresh token ends its session",
        "tests/services/test_refresh.py"
        "::test_a_token_is_treated_as_stolen_once_its_successor_was_used",
    ),
    Requirement(
        "RFC 7662 2.2",
        "Introspection says nothing about a token that does not work",
        "tests/api/test_oauth.py::test_a_token_that_no_longer_works_is_inactive",
    ),
    Requirement(
        "RFC 7009 2.1, 2.2",
        "Revoking any token of a session ends all of them",
        "tests/api/test_oauth.py::test_revoking_any_token_of_a_session_ends_all_of_them",
    ),
    Requirement(
        "RFC 7517, RFC 7638",
        "Published keys have no private part, and their thumbprint as id",
        "tests/cli/test_keys.py::test_private_key_parts_are_never_published",
    ),
    Requirement(
        "ASVS 13.3.4",
        "Secrets are replaced without failed requests",
        "tests/web/test_secret_rotation.py::test_no_one_notices",
    ),
    Requirement(
        "ASVS 16.3.1",
        "Every sign-in and refusal is logged, without secrets",
        "tests/http/test_logs.py::test_nothing_that_was_logged_is_secret_or_personal",
    ),
    Requirement(
        "ASVS 16.5.2, 16.5.3",
        "Without Redis, nothing that was revoked is accepted",
        "tests/token_cache/test_torture.py::test_no_revoked_credential_is_ever_accepted_again",
    ),
    Requirement(
        "ASVS 14.2.2",
        "Cached values can be neither read nor forged in Redis",
        "tests/token_cache/test_sealing.py::test_forged_entry_is_a_miss_counted_and_logged_once",
    ),
)
