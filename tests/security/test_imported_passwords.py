"""Password hashes of other systems: which are accepted, what they cost, and that they verify."""

import base64
import hashlib
import time
from collections.abc import Callable
from typing import Final

import pytest

from authapp.security import imported_passwords
from authapp.security.imported_passwords import HashRefused, SecretMissing, Source, notations
from authapp.security.passwords import needs_rehash, verify_password
from tests.support.accounts import PASSWORD
from tests.support.imports import (
    DEVISE_PEPPER,
    FIREBASE_SIGNER_KEY,
    FLASK_SECURITY_SALT,
    HASHES,
    OTHER_ALPHABETS,
)

SECRETS: Final = {
    Source.DEVISE: DEVISE_PEPPER,
    Source.FLASK_SECURITY: FLASK_SECURITY_SALT,
    Source.FIREBASE: FIREBASE_SIGNER_KEY,
}
NO_SECRETS: Final = dict.fromkeys(SECRETS, "")
CUT_OFF: Final = {"Django bcrypt", "Auth0 bcrypt", "PHP bcrypt", "Devise with a pepper"}
SALT: Final = "c2FsdHNhbHRzYWx0c2FsdA"
DIGEST: Final = "A" * 43


@pytest.mark.parametrize(("source", "text"), HASHES.values(), ids=HASHES)
def test_the_hash_of_another_system_accepts_its_password_only(source: Source, text: str) -> None:
    stored = imported_passwords.to_store(text, source)

    assert imported_passwords.verify(stored, PASSWORD, SECRETS)
    assert not imported_passwords.verify(stored, PASSWORD + "x", SECRETS)
    assert not imported_passwords.verify(stored, PASSWORD.upper(), SECRETS)
    assert not imported_passwords.verify(stored, "", SECRETS)
    assert not imported_passwords.verify(stored, "a\0b", SECRETS)
    assert needs_rehash(stored, PASSWORD)
    assert imported_passwords.to_store(stored, Source.ANY) == stored


@pytest.mark.parametrize(("password", "source", "text"), OTHER_ALPHABETS)
def test_a_password_is_hashed_as_the_other_system_did(
    password: str, source: Source, text: str
) -> None:
    assert imported_passwords.verify(imported_passwords.to_store(text, source), password, SECRETS)


@pytest.mark.parametrize("size", [71, 72, 80])
@pytest.mark.parametrize("name", HASHES)
def test_only_plain_bcrypt_does_not_vouch_for_a_long_password(name: str, size: int) -> None:
    source, text = HASHES[name]
    stored = imported_passwords.to_store(text, source)
    is_cut_off = size >= 72 and name in CUT_OFF

    assert needs_rehash(stored, (size // 2) * "\u00f6" + (size % 2) * "x") is not is_cut_off


def test_firebase_agrees_with_the_example_that_firebase_publishes() -> None:
    text = notations.from_firebase(
        "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
        "42xEC+ixf3L2lw==",
        rounds=8,
        memory_cost=14,
        separator="Bw==",
    )

    stored = imported_passwords.to_store(text, Source.FIREBASE)

    assert imported_passwords.verify(stored, "user1password", SECRETS)
    assert not imported_passwords.verify(stored, "user2password", SECRETS)


@pytest.mark.parametrize("source", [Source.FLASK_SECURITY, Source.FIREBASE])
def test_a_hash_that_needs_a_secret_is_not_checked_without_it(source: Source) -> None:
    stored = imported_passwords.to_store(
        next(text for each, text in HASHES.values() if each is source), source
    )

    with pytest.raises(SecretMissing):
        imported_passwords.verify(stored, PASSWORD, NO_SECRETS)


@pytest.mark.parametrize(
    "text",
    [
        "hunter2",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99",
        "pbkdf2_md5$1000$salt$" + DIGEST,
        "$2x$10$" + "a" * 53,
        "$2b$10$" + "a" * 52,
        "$2b$03$" + "a" * 53,
        "$argon2id$v=19$m=8,t=1,p=4$" + SALT + "$" + DIGEST,
        "$argon2id$v=19$m=1024,t=0,p=1$" + SALT + "$" + DIGEST,
        "$argon2id$v=19$m=1024,t=1,p=1$" + SALT + "$short",
        "$argon2xx$v=19$m=1024,t=1,p=1$" + SALT + "$" + DIGEST,
        "pbkdf2_sha256$1000$salt$",
        "pbkdf2_sha256$1000$salt$AAAA",
        "pbkdf2_sha256$0$salt$" + DIGEST,
        "pbkdf2_sha256$1e3$salt$" + DIGEST,
        "pbkdf2_sha256$1000$" + "s" * 129 + "$" + DIGEST,
        "pbkdf2_sha256$1000$salt$" + "A" * 172,
        "$pbkdf2-sha256$1000$" + "A" * 172 + "$" + "A" * 86,
        "scrypt:1000:8:1$salt$" + "ab" * 32,
        "scrypt:0:8:1$salt$" + "ab" * 32,
        "pbkdf2:sha256:1000$salt$" + "ab" * 8,
        "$bcrypt-sha256$v=2,t=2b,r=03$" + "a" * 22 + "$" + "a" * 31,
        "imported:nowhere:$2b$10$" + "a" * 53,
        "imported:firebase:$2b$10$" + "a" * 53,
        "é" * 60,
        "\ud800",
        "",
    ],
)
def test_what_is_no_known_hash_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(HashRefused) as refused:
        imported_passwords.to_store(text, Source.ANY)

    assert len(str(refused.value).splitlines()) == 1
    assert not text or text not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "pbkdf2_sha256$1500001$salt$" + DIGEST,
        "pbkdf2_sha256$9999999999$salt$" + DIGEST,
        # Two blocks of 32 bytes take twice the iterations.
        "$pbkdf2-sha256$1000000$" + SALT + "$" + "A" * 86,
        "$pbkdf2-sha512$700001$" + SALT + "$" + "A" * 86,
        "$2b$14$" + "a" * 53,
        "$2b$31$" + "a" * 53,
        "$bcrypt-sha256$v=2,t=2b,r=14$" + "a" * 22 + "$" + "a" * 31,
        "$argon2id$v=19$m=1048576,t=1,p=1$" + SALT + "$" + DIGEST,
        "$argon2id$v=19$m=102400,t=9,p=8$" + SALT + "$" + DIGEST,
        "$argon2id$v=19$m=9999999999,t=9999999999,p=99999$" + SALT + "$" + DIGEST,
        "scrypt:262144:8:1$salt$" + "ab" * 32,
        "scrypt:16384:8:16$salt$" + "ab" * 32,
        "scrypt:4294967296:9999999999:9999999999$salt$" + "ab" * 32,
        "$firebase-scrypt$r=8,m=9999999999$Bw$c2FsdA$" + "A" * 86,
        "$firebase-scrypt$r=9999999999,m=14$Bw$c2FsdA$" + "A" * 86,
    ],
)
def test_a_hash_that_would_take_too_long_is_refused(text: str) -> None:
    source = Source.FIREBASE if "firebase" in text else Source.ANY

    with pytest.raises(HashRefused):
        imported_passwords.to_store(text, source)


@pytest.mark.real_passwords
@pytest.mark.parametrize(
    "text",
    [
        "pbkdf2_sha1$1300000$salt$" + "A" * 27,
        "pbkdf2_sha256$1500000$salt$" + DIGEST,
        "$pbkdf2-sha512$700000$" + SALT + "$" + "A" * 86,
        "$2b$13$" + "a" * 53,
        "$argon2id$v=19$m=131072,t=3,p=1$" + SALT + "$" + DIGEST,
        "$argon2id$v=19$m=102400,t=2,p=8$" + SALT + "$" + DIGEST,
        "scrypt:131072:8:1$salt$" + "ab" * 64,
        "$firebase-scrypt$r=8,m=17$Bw$c2FsdA$" + "A" * 86,
    ],
)
def test_the_most_expensive_hash_takes_less_than_a_second(text: str) -> None:
    """Where one of our own takes 30 ms: on a busy machine, both take longer."""
    source = Source.FIREBASE if "firebase" in text else Source.ANY
    stored = imported_passwords.to_store(text, source)

    ours = cpu_seconds(lambda: verify_password(None, PASSWORD))
    theirs = cpu_seconds(lambda: imported_passwords.verify(stored, "x" * 1024, SECRETS))

    assert theirs < ours * 1 / 0.03


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the shortest of three times."""
    times = []
    for _ in range(3):
        before = time.process_time()
        work()
        times.append(time.process_time() - before)
    return min(times)


def test_keycloak_writes_a_hash_in_two_documents() -> None:
    """Its own documents, as a realm export has them, for PBKDF2 with 64 bytes of result."""
    salt = bytes(range(16))
    value = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), salt, 1000, 64)
    credential = {"hashIterations": 1000, "algorithm": "pbkdf2-sha256", "additionalParameters": {}}
    secret = {name: base64.b64encode(each).decode() for name, each in
              (("value", value), ("salt", salt))}  # fmt: skip

    text = notations.from_keycloak(credential, secret)

    stored = imported_passwords.to_store(text, Source.ANY)
    assert imported_passwords.verify(stored, PASSWORD, NO_SECRETS)


@pytest.mark.parametrize(
    ("credential", "secret"),
    [
        ({}, {}),
        ({"algorithm": "pbkdf2-sha256", "hashIterations": 1}, {"value": 1, "salt": 2}),
        ({"algorithm": "argon2", "hashIterations": 1}, {"value": "AA", "salt": "AA"}),
        ({"algorithm": "argon2", "hashIterations": "x"}, {"value": "AA", "salt": "AA"}),
        (
            {"algorithm": "argon2", "hashIterations": 1, "additionalParameters": []},
            {"value": "AA", "salt": "AA"},
        ),
    ],
)
def test_an_incomplete_credential_of_keycloak_is_refused(
    credential: dict[str, object], secret: dict[str, object]
) -> None:
    with pytest.raises(HashRefused):
        notations.from_keycloak(credential, secret)
