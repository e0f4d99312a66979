"""`flask users import`: accounts of other systems, whose owners go on signing in."""

import base64
import hashlib
import json
import random
import tracemalloc
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import bcrypt
import pytest
from flask import Flask

from authapp import clock
from authapp.cli import import_files
from authapp.domain import credentials
from authapp.domain.credentials import Credentials
from authapp.domain.imported_accounts import RecordRefused
from authapp.models import User, db
from authapp.models.transaction import transaction
from authapp.security.imported_passwords import Source, is_imported
from authapp.services import login
from tests.support.accounts import PASSWORD, add_user
from tests.support.imports import HASHES, SECRETS
from tests.support.on_sqlite import on_sqlite

DJANGO = HASHES["Django pbkdf2_sha256"][1]


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(**SECRETS)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Write a file, and return its name."""

    def write(content: str | bytes, name: str = "users.csv") -> str:
        file = tmp_path / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(file)

    return write


def run(app: Flask, *arguments: str, input: bytes = b"") -> tuple[int, str, list[str]]:
    """Return the exit code, the summary, and what was left out."""
    ended = app.test_cli_runner().invoke(args=["users", "import", *arguments], input=input)
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended.exit_code, ended.stdout.strip(), ended.stderr.splitlines()


def summary(added: int, there: int = 0, refused: int = 0) -> str:
    return f"accounts imported: {added}, already there: {there}, refused: {refused}"


def user_at(app: Flask, address: str) -> User:
    with app.app_context():
        found = db.session.scalars(db.select(User).where(User.email == address)).one()
        db.session.expunge(found)
    return found


def status_of_sign_in(app: Flask, address: str, password: str = PASSWORD) -> int:
    body = {"email": address, "password": password}
    return app.test_client().post("/api/v1/login", json=body).status_code


def lines(*records: dict[str, Any]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def keycloak() -> str:
    salt = bytes(16)
    value = hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), salt, 1000, 64)
    encoded = [base64.b64encode(each).decode() for each in (value, salt)]
    password = {
        "type": "password",
        "secretData": json.dumps(
            {"value": encoded[0], "salt": encoded[1], "additionalParameters": {}}
        ),
        "credentialData": json.dumps({"hashIterations": 1000, "algorithm": "pbkdf2-sha512"}),
    }
    return lines(
        {
            "id": "7d1a0d0e-22ec-4bd5-a3f1-6f5e0c4f5b11",
            "username": "ada",
            "email": "ada@example.org",
            "emailVerified": True,
            "enabled": True,
            "createdTimestamp": 1609556645000,
            "attributes": {"locale": ["de"]},
            "credentials": [{"type": "otp", "secretData": "{}"}, password],
        }
    )


FILES: dict[str, tuple[str, str, list[str]]] = {
    "Django": (
        "users.csv",
        "id,password,last_login,is_superuser,username,email,is_active,date_joined\n"
        f"1,{DJANGO},,f,ada,ada@example.org,t,2021-01-02 03:04:05.6+00\n",
        ["--trust-emails"],
    ),
    "Devise": (
        "users.csv",
        "email;encrypted_password;confirmed_at;created_at\n"
        f"ada@example.org;{HASHES['Devise with a pepper'][1]};2021-01-02 03:04:05.6;"
        "2021-01-02 03:04:05\n",
        ["--from", "devise"],
    ),
    "Auth0": (
        "users.json",
        lines(
            {
                "_id": {"$oid": "5f1"},
                "email": "ada@example.org",
                "email_verified": True,
                "passwordHash": HASHES["Auth0 bcrypt"][1],
                "created_at": "2021-01-02T03:04:05.678Z",
            }
        ),
        [],
    ),
    "Keycloak": ("users.jsonl", keycloak(), []),
    "Firebase": (
        "users.jsonl",
        lines(
            {
                "localId": "x1",
                "email": "ada@example.org",
                "emailVerified": True,
                "passwordHash": HASHES["Firebase scrypt"][1].split("$")[-1] + "==",
                "salt": HASHES["Firebase scrypt"][1].split("$")[-2] + "==",
                "createdAt": "1609556645000",
                "disabled": False,
            }
        ),
        ["--from", "firebase", "--firebase-memory-cost", "4"],
    ),
    "Flask-Security": (
        "users.csv",
        "\ufeffemail\tpassword\tactive\tconfirmed_at\tcreated_at\r\n"
        f"ada@example.org\t{HASHES['Flask-Security argon2'][1]}\ttrue\t2021-01-02T03:04:05\t"
        "2021-01-02T03:04:05\r\n",
        ["--from", "flask-security"],
    ),
}


@pytest.mark.parametrize("system", FILES)
def test_the_users_of_another_system_sign_in_with_their_passwords(
    app: Flask, write: Callable[..., str], system: str
) -> None:
    name, content, options = FILES[system]

    code, said, left_out = run(app, write(content, name), *options)

    assert (code, said) == (0, summary(1)), left_out
    before = user_at(app, "ada@example.org")
    assert is_imported(before.password_hash)
    assert f"{before.created_at:%Y-%m-%d %H:%M:%S}" == "2021-01-02 03:04:05"
    assert status_of_sign_in(app, "ada@example.org", PASSWORD + "x") == 401
    assert status_of_sign_in(app, "ada@example.org") == 200
    after = user_at(app, "ada@example.org")
    assert after.password_hash.startswith("$argon2id$")
    assert status_of_sign_in(app, "ada@example.org") == 200


def test_every_field_is_kept(app: Flask, write: Callable[..., str]) -> None:
    file = write(
        "id,email,email_verified,phone,phone_verified,created_at,language,enabled,frozen_at,name\n"
        "7d1a0d0e-22ec-4bd5-a3f1-6f5e0c4f5b11,Ada@Example.org,yes,+44 7400 123456,yes,1609556645,"
        "de_AT,no,2026-01-01T00:00:00Z,Ada\n"
    )

    code, said, ignored = run(app, file, "--keep-ids")

    user = user_at(app, "Ada@example.org")
    assert (code, said) == (0, summary(1))
    assert ignored == ["columns that are not imported: 'name'"]
    assert str(user.id) == "7d1a0d0e-22ec-4bd5-a3f1-6f5e0c4f5b11"
    assert user.email_key == "ada@example.org"
    assert user.email_verified_at == user.created_at
    assert f"{user.created_at:%Y-%m-%d %H:%M:%S}" == "2021-01-02 03:04:05"
    assert (user.phone, user.phone_verified_at) == ("+447400123456", user.created_at)
    assert user.language == "de-AT"
    assert user.disabled_at is not None
    assert user.frozen_at is not None
    assert not is_imported(user.password_hash)


def test_what_is_not_known_to_be_verified_is_not_taken_as_verified(
    app: Flask, write: Callable[..., str]
) -> None:
    file = write(f"email,phone,password,created_at\nada@example.org,+447400123456,{DJANGO},2021\n")
    assert run(app, file)[0] == 1
    file = write(
        f"email,phone,password,created_at\nada@example.org,+447400123456,{DJANGO},2021-01-02\n"
    )
    assert run(app, file)[:2] == (0, summary(1))

    user = user_at(app, "ada@example.org")
    assert (user.email_verified_at, user.phone) == (None, None)
    # The purge of unverified accounts counts from now.
    assert (clock.now() - user.created_at).total_seconds() < 600
    assert status_of_sign_in(app, "ada@example.org") == 401


BAD_LINES: dict[str, bytes] = {
    "nonsense,,": b"the email address is not valid",
    ",,": b"the email address is not valid",
    "ok@example.org,": b"the line has 2 values, and the header 3",
    "ok@example.org,,,": b"the line has 4 values, and the header 3",
    'ok@example.org,"open,': b"a quote is not closed, or is inside a value",
    "\u00e9@example.org,,": b"the part of the email address before the @ has letters outside ASCII",
    "ok@example.org,hunter2hunter2,": b"the password hash has an unknown format",
    f"ok@example.org,{DJANGO.replace('$1000$', '$99999999$')},": (
        b"checking the password hash would take too long: 99999999 iterations of PBKDF2-SHA256,"
        b" where 1500000 are allowed"
    ),
    "ok@example.org,,yesterday": b"created_at is not a time such as 2026-01-31T12:00:00Z",
    "ok@example.org,,9999-12-31": b"created_at is in the future",
    "ok@example.org,,1812-01-01": b"created_at is before 1970",
    "ok@example.org,,99999999999999999999": (
        b"created_at is not a time such as 2026-01-31T12:00:00Z"
    ),
    "ok\0@example.org,,": b"the line contains a NUL",
    "x" * 300 + "@example.org,,": b"the email address is longer than 254 characters",
}


@on_sqlite
@pytest.mark.parametrize("line", BAD_LINES, ids=lambda line: ascii(line)[:30])
def test_a_bad_line_is_refused_with_one_message_and_the_others_are_imported(
    app: Flask, write: Callable[..., str], line: str
) -> None:
    text = f"email,password,created_at\nfirst@example.org,,\n{line}\n\nlast@example.org,{DJANGO},\n"

    code, said, left_out = run(app, write(text), "--trust-emails")

    assert (code, said) == (1, summary(2, 0, 1))
    assert left_out == [f"line 3: refused: {BAD_LINES[line].decode()}"]


@on_sqlite
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"email": "ok@example.org"', "the line is not JSON"),
        (b'["ok@example.org"]', "the line is not a JSON object"),
        (b"[" * 60_000, "the line is not JSON"),
        (b'{"email": "\xff@example.org"}', "the line is not UTF-8"),
        (b'{"email": ["ok@example.org", 2]}', "email is neither a text nor a number"),
        (b'{"email": {"a": 1}}', "email is neither a text nor a number"),
        (b'{"email": "ok@example.org", "created_at": 1e400}', "the line is not JSON"),
        (b'{"email": "ok@example.org", "created_at": 1.5}',
         "created_at is neither a text nor a number"),
        (b'{"email": "ok@example.org", "credentials": 5}', "credentials is not a list of objects"),
        (
            b'{"email": "o@example.org", "credentials": [{"type": "password", "secretData": "{"}]}',
            "credentialData of the password is not a JSON object",
        ),
        (b'{"email": "ok@example.org", "enabled": "maybe"}', "enabled is neither true nor false"),
        (b'{"email": "ok@example.org", "phone": "12", "phone_verified": true}',
         "the phone number does not exist"),
        (b'{"email": "ok@example.org", "phone": "x", "phone_verified": true}',
         "the phone number is not valid"),
        (b'{"email": "ok@example.org", "x": "' + b"x" * 70_000 + b'"}',
         "the line is longer than 65536 bytes"),
    ],
    ids=range(14),
)  # fmt: skip
def test_a_bad_record_is_refused_too(
    app: Flask, write: Callable[..., str], line: bytes, reason: str
) -> None:
    content = b"%s\n" % line + lines({"email": "last@example.org"}).encode()

    code, said, left_out = run(app, write(content, "users.ndjson"))

    assert (code, said) == (1, summary(1, 0, 1))
    assert left_out == [f"line 1: refused: {reason}"]


def test_an_import_can_be_repeated_and_goes_on_where_it_stopped(
    app: Flask, write: Callable[..., str]
) -> None:
    rows = [f"user{number}@example.org,{DJANGO}\n" for number in range(7)]
    header = "email,password\n"
    run(app, write(header + "".join(rows[:3])), "--trust-emails", "--batch", "2")

    code, said, left_out = run(app, write(header + "".join(rows)), "--trust-emails", "--batch", "2")

    assert (code, said) == (0, summary(4, 3))
    assert left_out == [
        f"line {number}: skipped: the address already has an account" for number in (2, 3, 4)
    ]


@pytest.mark.parametrize("batch", ["1", "500"])
@pytest.mark.parametrize("verified", ["yes", "no"])
def test_an_address_is_imported_once(
    app: Flask, write: Callable[..., str], batch: str, verified: str
) -> None:
    file = write(f"email,email_verified\nada@example.org,{verified}\nADA@Example.org,{verified}\n")

    code, said, left_out = run(app, file, "--batch", batch)

    assert (code, said) == (0, summary(1, 1))
    assert left_out == ["line 3: skipped: the address already has an account"]


def test_a_strangers_registration_does_not_keep_the_owner_out(
    app: Flask, write: Callable[..., str]
) -> None:
    with app.app_context():
        user = db.session.get(User, add_user("ada@example.org").id)
        user.email_verified_at = None
        db.session.commit()

    assert run(app, write("email\nada@example.org\n"), "--trust-emails")[1] == summary(1)


def test_a_phone_number_and_an_id_belong_to_one_account(
    app: Flask, write: Callable[..., str]
) -> None:
    id, number = "7d1a0d0e-22ec-4bd5-a3f1-6f5e0c4f5b11", "+447400123456"
    file = write(
        f"id,email,phone\n{id},a@example.org,{number}\n{id},b@example.org,\n"
        f"00000000-0000-4000-8000-000000000001,c@example.org,{number}\n1,d@example.org,\n"
    )

    code, said, left_out = run(app, file, "--trust-phones", "--keep-ids")

    assert (code, said) == (1, summary(1, 0, 3))
    assert sorted(left_out) == [
        "line 3: refused: another account has this id",
        "line 4: refused: another account has this phone number",
        "line 5: refused: id is not a UUID, which --keep-ids needs",
    ]


def test_a_dry_run_changes_nothing_and_finds_the_same(
    app: Flask, write: Callable[..., str], tmp_path: Path
) -> None:
    file = write("email\nada@example.org\nnonsense\nADA@example.org\n")
    report = tmp_path / "report.txt"

    code, said, left_out = run(app, file, "--dry-run", "--batch", "1", "--report", str(report))

    assert (code, said) == (
        1,
        "accounts that would be imported: 1, already there: 1, refused: 1",
    )
    assert left_out == []
    assert report.read_text().splitlines() == [
        "line 3: refused: the email address is not valid",
        "line 4: skipped: the address already has an account",
    ]
    with app.app_context():
        assert db.session.query(User).count() == 0


def test_standard_input_is_read(app: Flask) -> None:
    assert run(app, "-", input=b"email\nada@example.org\n")[1] == summary(1)
    content = lines({"email": "bob@example.org"}).encode()
    assert run(app, "-", "--format", "jsonl", input=content)[1] == summary(1)


@on_sqlite
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the first line has no column `email`: it must be a header"),
        (b"ada@example.org\n", "the first line has no column `email`: it must be a header"),
        (b"name\nx\n", "the first line has no column `email`: it must be a header"),
        ("email\n".encode("utf-16"), "the header, line 1, cannot be read: the line is not UTF-8"),
        (b"x" * 100_000, "the header, line 1, cannot be read: the line is longer than 65536 bytes"),
    ],
    ids=range(5),
)
def test_a_file_without_a_header_is_refused(
    app: Flask, write: Callable[..., str], content: bytes, reason: str
) -> None:
    file = write(content)

    code, said, errors = run(app, file)

    assert (code, said) == (2, "")
    assert errors == [f"Error: {file}: {reason}"]


def test_a_missing_file_is_named(app: Flask, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.csv")

    assert run(app, missing) == (2, "", [f"Error: {missing}: No such file or directory"])
    assert run(app, str(tmp_path))[0] == 2


def test_a_missing_secret_is_named_before_anything_is_imported(
    make_app: Callable[..., Flask], write: Callable[..., str]
) -> None:
    name, content, options = FILES["Firebase"]

    code, _, errors = run(make_app(), write(content, name), *options)

    assert code == 1
    assert errors == ["Error: set IMPORT_FIREBASE_SIGNER_KEY first, here and in every server"]


def test_an_outage_has_its_own_exit_code(
    app: Flask, write: Callable[..., str], lose_database: Callable[[], None]
) -> None:
    file = write("email\nada@example.org\n")
    lose_database()

    code, _, errors = run(app, file)

    assert code == 3
    assert len(errors) == 1


def test_a_huge_line_takes_little_memory() -> None:
    class Endless(BytesIO):
        left = 3_000

        def readline(self, size: int = -1) -> bytes:
            self.left -= 1
            return b"x" * size if self.left > 0 else b""

    tracemalloc.start()

    (line,) = import_files.read_json_lines(Endless())

    assert isinstance(line.record, RecordRefused)
    assert line.size > 150_000_000
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


@pytest.fixture
def imported(app: Flask, write: Callable[..., str]) -> None:
    assert run(app, write(f"email,password\nada@example.org,{DJANGO}\n"), "--trust-emails")[0] == 0


def test_two_first_sign_ins_at_the_same_time_both_succeed(app: Flask, imported: None) -> None:
    with app.app_context():
        found = credentials.find("ada@example.org")
        # Another request signs in, and replaces the imported hash.
        assert status_of_sign_in(app, "ada@example.org") == 200

        with transaction():
            user = login._require_unchanged(found)
            assert user.password_hash.startswith("$argon2id$")


def test_a_missing_secret_at_sign_in_is_a_fault_that_counts_no_guess(
    make_app: Callable[..., Flask], write: Callable[..., str]
) -> None:
    app = make_app(**SECRETS, LIMIT_SIGN_IN="3/1h")
    name, content, options = FILES["Flask-Security"]
    run(app, write(content, name), *options)
    without_secret = make_app(LIMIT_SIGN_IN="3/1h").test_client()
    body = {"email": "ada@example.org", "password": PASSWORD}

    for _ in range(4):
        answer = without_secret.post("/api/v1/login", json=body)
        assert answer.status_code == 503
        assert answer.json["type"] == "urn:authapp:problem:misconfigured"

    assert status_of_sign_in(app, "ada@example.org") == 200


@pytest.fixture
def mixed(app: Flask, imported: None) -> set[str]:
    """The hashes of accounts of which some were imported."""
    with app.app_context():
        for number in range(7):
            add_user(f"own{number}@example.org")
        return set(db.session.scalars(db.select(User.password_hash)))


def found_for(app: Flask, addresses: Iterator[str]) -> list[Credentials]:
    with app.app_context():
        return [credentials.find(address) for address in addresses]


def test_an_address_without_an_account_borrows_a_hash(app: Flask, mixed: set[str]) -> None:
    addresses = [f"nobody{number}@example.org" for number in range(200)]

    found = found_for(app, iter(addresses))

    assert all(each[:3] == (None, None, None) for each in found)
    lent = {each.hash_to_check for each in found}
    assert lent <= mixed
    assert len(lent) > 4
    spelled_differently = (address.upper() for address in addresses)
    again = found_for(app, spelled_differently)
    assert [each.hash_to_check for each in again] == [each.hash_to_check for each in found]


def ids_of(kind: str, number: int) -> list[str]:
    if kind == "random":
        return [str(UUID(int=random.Random(each).getrandbits(128))) for each in range(number)]
    first = {"sequential": 1, "UUIDv7": 0x019A_D9E5_5C00_7000_8000_0000_0000_0000}[kind]
    step = {"sequential": 1, "UUIDv7": 1 << 80}[kind]
    return [str(UUID(int=first + each * step)) for each in range(number)]


@pytest.mark.parametrize("kind", ["random", "sequential", "UUIDv7"])
def test_the_ids_of_imported_accounts_do_not_matter(
    app: Flask, write: Callable[..., str], kind: str
) -> None:
    slow = [f"{id},slow{id}@example.org,{DJANGO}\n" for id in ids_of(kind, 40)]
    ids = [str(UUID(int=random.Random(-each).getrandbits(128))) for each in range(41, 81)]
    fast = [f"{id},fast{id}@example.org,{HASHES['Auth0 bcrypt'][1]}\n" for id in ids]
    file = write("id,email,password\n" + "".join(slow + fast))
    assert run(app, file, "--trust-emails", "--keep-ids")[1] == summary(80)
    with app.app_context():
        users = db.session.scalars(db.select(User).order_by(User.email)).all()
        assert len({user.lender_position for user in users}) == 80
        assert not {user.lender_position for user in users} & {user.id for user in users}
        # The same positions in every run.
        for each, user in enumerate(users):
            user.lender_position = UUID(int=random.Random(1000 + each).getrandbits(128))
        db.session.commit()

    found = found_for(app, (f"nobody{number}@example.org" for number in range(400)))

    lent = [each.hash_to_check for each in found]
    assert None not in lent
    assert 160 < sum("pbkdf2" in each for each in lent) < 240


@pytest.mark.parametrize("position", [UUID(int=0), UUID(int=(1 << 128) - 1)])
def test_every_address_borrows_from_the_only_account(
    app: Flask, imported: None, position: UUID
) -> None:
    with app.app_context():
        user = db.session.scalars(db.select(User)).one()
        user.lender_position = position
        db.session.commit()
        stored = user.password_hash

    found = found_for(app, (f"nobody{number}@example.org" for number in range(20)))

    assert {each.hash_to_check for each in found} == {stored}


def test_a_typing_error_that_bcrypt_ignores_does_not_become_the_password(
    app: Flask, write: Callable[..., str]
) -> None:
    password = 36 * "\u00f6"
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    run(app, write(f"email,password\nada@example.org,{hashed}\n"), "--trust-emails")

    assert status_of_sign_in(app, "ada@example.org", password + "typo") == 200
    assert status_of_sign_in(app, "ada@example.org", password) == 200
    assert status_of_sign_in(app, "ada@example.org", password[:-1]) == 401


def test_a_borrowed_hash_signs_no_one_in(app: Flask, mixed: set[str]) -> None:
    for number in range(8):
        assert status_of_sign_in(app, f"nobody{number}@example.org") == 401


def test_a_disabled_account_borrows_a_hash_too(app: Flask, mixed: set[str]) -> None:
    with app.app_context():
        user = db.session.scalars(db.select(User).where(User.email == "own1@example.org")).one()
        user.disabled_at = clock.now()
        db.session.commit()

    (found,) = found_for(app, iter(["own1@example.org"]))

    assert found.password_hash is None
    assert found.hash_to_check in mixed


def test_a_source_needs_no_option_unless_it_has_a_secret() -> None:
    assert {source for source, _ in HASHES.values()} == set(Source)
