"""Password hashes of PASSWORD that other systems wrote, and the secrets that some of them need."""

from typing import Final

from authapp.security.imported_passwords import Source

DEVISE_PEPPER: Final = "e3f1c2a59b7d4486aa70"
FLASK_SECURITY_SALT: Final = "146585145368132386173505678016728509634"
FIREBASE_SIGNER_KEY: Final = (
    "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
)
SECRETS: Final = {
    "IMPORT_DEVISE_PEPPER": DEVISE_PEPPER,
    "IMPORT_FLASK_SECURITY_SALT": FLASK_SECURITY_SALT,
    "IMPORT_FIREBASE_SIGNER_KEY": FIREBASE_SIGNER_KEY,
}

DECOMPOSED: Final = "contrasen\u0303a con en\u0303es y ma\u0301s"
LONG: Final = 60 * "\u00f6"
"""Longer than the 72 bytes that bcrypt reads."""

# fmt: off
HASHES: Final[dict[str, tuple[Source, str]]] = {
    "Django pbkdf2_sha256": (
        Source.ANY,
        "pbkdf2_sha256$1000$saltsaltsalt$Rq9ID2uh+RCZIi8tU1efHsicU5pF6nTbSx9YpGb2nWo=",
    ),
    "Django pbkdf2_sha1": (
        Source.ANY,
        "pbkdf2_sha1$1000$saltsaltsalt$SttsSB+cveAHw2p7oRH2Yr+T42o=",
    ),
    "Django argon2": (
        Source.ANY,
        "argon2$argon2id$v=19$m=64,t=1,p=2$c2FsdHNhbHRzYWx0$qjZUfKnoWEq86kuCT7NwaNfpFxB2QNrflO//iXS3pFc",
    ),
    "Django bcrypt_sha256": (
        Source.ANY,
        "bcrypt_sha256$$2b$04$KbZuZi0eTEmNOnUJfrP7ZeOA5qLsCPaOgnIW.7LSZ50PckBLuo4v2",
    ),
    "Django bcrypt": (
        Source.ANY,
        "bcrypt$$2b$04$x4O1TOkMY2qyF2wfEwjV8OpruqXTgtRIhvHpz2uY/jEtitFpI2Bau",
    ),
    "Django scrypt": (
        Source.ANY,
        "scrypt$16$saltsaltsalt$8$1$pX2KFh7kRq/WJwBR1omups3elgAzSmZJVxcnRYc65M13eD36bOA6Z1JzhRQ4SrVuXiYCZI+Y7ltYgtRDrbXAKQ==",
    ),
    "passlib pbkdf2_sha1": (
        Source.ANY,
        "$pbkdf2$1000$hPC.l9J6j1HqHUMIIaSUkg$pMlTxSCNXrZFR2NtGqxykh1jcd0",
    ),
    "passlib pbkdf2_sha256": (
        Source.ANY,
        "$pbkdf2-sha256$1000$9T6ntLY2htA6R.idk3JOaQ$.RLCqwQ8cJlcBdIWVMAM2BE6m0f5IVnI/6EywaqUTa0",
    ),
    "passlib pbkdf2_sha512": (
        Source.ANY,
        "$pbkdf2-sha512$1000$phSCUCoFQMiZ03qPsVZKyQ$0OFZcSzqpD5fOOvYxKhHuu4rhz07UtQu9I6eo.9C.PjwagHeJLRX83NrlLKL78WEJlnsBcEwyvjZ5od0.NPYOA",
    ),
    "passlib bcrypt_sha256": (
        Source.ANY,
        "$bcrypt-sha256$v=2,t=2b,r=4$sUxgfXffaBsKT..idsEqcu$chw7mNqpWGBodiUfjo79B6U5uqe0b.C",
    ),
    "passlib argon2": (
        Source.ANY,
        "$argon2id$v=19$m=64,t=1,p=2$HyPkfG9tjZFSCoFQCiGkFA$RZuba7kXUJJcK+f48bW+Aed6qiUnSGFjeORnnd8AbUs",
    ),
    "Werkzeug scrypt": (
        Source.ANY,
        "scrypt:1024:8:1$8UAv1MvA6osEow3b$25a3fc2cb80bdca5243afd6a5b6763d485fd628377ec7c6cd46e85c398ea08f8d351524cb79e92ca98344e747747b465239db4dd030b1d3576952a3ec3d17bb0",
    ),
    "Werkzeug pbkdf2": (
        Source.ANY,
        "pbkdf2:sha256:1000$GPfpSFs1rYxPvwjY$a232078b254f1843af505be6ed945e365cf31a4bbe915c04fe1af3eac4db2877",
    ),
    "Auth0 bcrypt": (
        Source.ANY,
        "$2b$04$nqPeTslh6tYuqEB/lzeYseefuWqqNyZ6SJe6D/kU8SaKZiHBIzrZG",
    ),
    "PHP bcrypt": (
        Source.ANY,
        "$2y$04$orX1Dqr.tjGZxpns1O//ROWF.ezyOFGGc4bzN3LmE7QPOSeXBqMxC",
    ),
    "Devise with a pepper": (
        Source.DEVISE,
        "$2a$04$L9X4IeJnklXYhhRj6JfSo.dMQD7o63q8uQUE0BNfpF3j4gfB2XRTi",
    ),
    "Flask-Security argon2": (
        Source.FLASK_SECURITY,
        "$argon2id$v=19$m=64,t=1,p=2$aC2llJLSmrNW6t17L0VoDQ$RSlgscTcYWLdyBSOLcMY0RWwccjwbIJsSvw8RPukIY0",
    ),
    "Flask-Security bcrypt": (
        Source.FLASK_SECURITY,
        "$2b$04$3aqiVdbEVWmusj.kidi0SO4hU0b/mPy4WNbddU2nlSlf.iZzSuMIe",
    ),
    "Flask-Security pbkdf2_sha512": (
        Source.FLASK_SECURITY,
        "$pbkdf2-sha512$1000$H0PI2Vtrbc2Zc47ROqdUSg$SYAPPfRm/bBPEmwZ/3M79VPhZFu2Hz9RrEPC0zOcfa9eMnSMdKh9/WlemB7WFMMD.j9Lps5JLTENRfTWap4EFg",
    ),
    "Firebase scrypt": (
        Source.FIREBASE,
        "$firebase-scrypt$r=8,m=4$Bw$c2FsdHNhbHQxIQ$y8fo5a7LbVnLxxtwnaLdbdg0iNAdMziLTyjYfFLVvnx3HvB6fbH9e4QJCfjCPJhyGPfAXcczSM3I210IuaIknQ",
    ),
}

OTHER_ALPHABETS: Final[list[tuple[str, Source, str]]] = [
    # Django and passlib do not normalize; another authapp does (NFKC), and Flask-Security, too (NFKD).
    ('contrase\xf1a con e\xf1es y \ufb01n', Source.FLASK_SECURITY, "$2b$04$6SG.ujoNwjkc47F7oPetf.38nt9h7ApxWT.yYe/3dxvF7kh.MYoje"),
    (DECOMPOSED, Source.ANY, "pbkdf2_sha256$1000$saltsaltsalt$LlFSS1etEp6kYYrxaOjwRPK/xcI7lb1vqCapS8XpYTU="),
    (DECOMPOSED, Source.ANY, "$argon2id$v=19$m=64,t=1,p=1$uTcGQCjlXAthLEXonVMqxQ$jvohloCOlvw9rdL6y9wXf6WRZ4U3yo/wbbnFULPxHw8"),
    (DECOMPOSED, Source.ANY, "$argon2id$v=19$m=64,t=1,p=1$R6j1XqsVYuydU0oJgTBG6A$WcfSOwQiNnLHleWqzftfa2ab13IfAjRqWbUuzsTWk5M"),
    (LONG, Source.ANY, "$2b$04$lUqdhwjgvuJ.POaHWf9dtupGDjsUxfHqU9iZmU5kdurrtTKzBx1Hm"),
    (LONG, Source.ANY, "bcrypt_sha256$$2b$04$zC70DFyT4u4a7TlZJcU4FuINGXccZ1XtL6GBmuoUDLrI0uYB5QuQa"),
]
# fmt: on
"""Passwords with their hashes, whose bytes depend on what the system did before hashing."""
