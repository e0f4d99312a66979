"""The algorithms of other systems' password hashes, and the limits on what one may cost.

Each limit is about half a second of one core, and 128 MiB, so that no sign-in takes a second.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import argon2
import bcrypt
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

LEAST_BYTES: Final = 16
"""A shorter digest is guessed too easily, and an empty one is equal to any other."""

MOST_BYTES: Final = 64

_MOST_ITERATIONS: Final = {"sha1": 1_300_000, "sha256": 1_500_000, "sha512": 700_000}
_DIGEST_BYTES: Final = {"sha1": 20, "sha256": 32, "sha512": 64}

_BCRYPT_COSTS: Final = range(4, 14)
_BCRYPT_BYTES: Final = 72
"""bcrypt ignores the rest of a password."""

_MOST_MEMORY_KIB: Final = 128 * 1024
_MOST_ARGON2_KIB: Final = 384 * 1024
"""Memory times passes."""

_MOST_SCRYPT_BLOCKS: Final = 1 << 20
"""Blocks of 128 bytes that are mixed: N times r times p."""

_MOST_LANES: Final = 16


class HashRefused(ValueError):
    """A hash that is malformed, unknown or too expensive; the message says which."""


class Algorithm(Protocol):
    """A hash with its parameters."""

    def require_affordable(self) -> None:
        """Raise HashRefused if checking a password would take too much time or memory."""

    def verify(self, secret: bytes) -> bool:
        """Check what the other system hashed."""


@dataclass(frozen=True)
class PBKDF2:
    digest: str
    iterations: int
    salt: bytes
    checksum: bytes

    def require_affordable(self) -> None:
        _require_size(self.checksum)
        if self.digest not in _MOST_ITERATIONS:
            raise HashRefused("the password hash uses an unknown digest for PBKDF2")
        if self.iterations < 1:
            raise HashRefused("the password hash has no iterations")
        # Each block of the result takes all iterations.
        blocks = -(-len(self.checksum) // _DIGEST_BYTES[self.digest])
        most = _MOST_ITERATIONS[self.digest]
        if self.iterations * blocks > most:
            raise HashRefused(
                f"checking the password hash would take too long: {self.iterations * blocks}"
                f" iterations of PBKDF2-{self.digest.upper()}, where {most} are allowed"
            )

    def verify(self, secret: bytes) -> bool:
        size = len(self.checksum)
        found = hashlib.pbkdf2_hmac(self.digest, secret, self.salt, self.iterations, size)
        return hmac.compare_digest(found, self.checksum)


@dataclass(frozen=True)
class Scrypt:
    n: int
    r: int
    p: int
    salt: bytes
    checksum: bytes

    def require_affordable(self) -> None:
        _require_size(self.checksum)
        _require_scrypt(self.n, self.r, self.p)

    def verify(self, secret: bytes) -> bool:
        found = _scrypt(secret, self.salt, n=self.n, r=self.r, p=self.p, size=len(self.checksum))
        return hmac.compare_digest(found, self.checksum)


@dataclass(frozen=True)
class FirebaseScrypt:
    """Firebase's scrypt, which encrypts the project's signer key with the derived key."""

    rounds: int
    memory_cost: int
    separator: bytes
    salt: bytes
    checksum: bytes

    def require_affordable(self) -> None:
        _require_size(self.checksum)
        # A number with many digits must not become a huge power.
        if not 1 <= self.memory_cost <= 20:
            raise HashRefused("the memory cost of Firebase's scrypt must be from 1 to 20")
        _require_scrypt(1 << self.memory_cost, self.rounds, 1)

    def verify(self, secret: bytes, *, signer_key: bytes = b"") -> bool:
        salt, n = self.salt + self.separator, 1 << self.memory_cost
        key = _scrypt(secret, salt, n=n, r=self.rounds, p=1, size=32)
        encryptor = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
        return hmac.compare_digest(encryptor.update(signer_key), self.checksum)


@dataclass(frozen=True)
class Bcrypt:
    """bcrypt of a password, or of what `before` makes of it."""

    text: str
    before: Callable[[bytes], bytes] = bytes

    def require_affordable(self) -> None:
        cost = int(self.text[4:6])
        if cost not in _BCRYPT_COSTS:
            raise HashRefused(
                f"checking the password hash would take too long: bcrypt with a cost of {cost},"
                f" where {_BCRYPT_COSTS[-1]} is allowed"
                if cost > _BCRYPT_COSTS[-1]
                else "the cost of bcrypt must be at least 4"
            )

    def is_cut_off(self, secret: bytes) -> bool:
        """Return whether longer texts have the same hash; a NUL ends a shorter text."""
        return len(self.before(secret)) >= _BCRYPT_BYTES

    def verify(self, secret: bytes) -> bool:
        try:
            return bcrypt.checkpw(self.before(secret)[:_BCRYPT_BYTES], self.text.encode())
        except ValueError:
            # A password with a NUL, which the other system could not hash.
            return False


@dataclass(frozen=True)
class Argon2:
    text: str

    def require_affordable(self) -> None:
        try:
            found = argon2.extract_parameters(self.text)
        except InvalidHashError:
            raise HashRefused("the password hash is malformed") from None
        if found.hash_len < LEAST_BYTES:
            raise HashRefused("the password hash is too short")
        if not 1 <= found.parallelism <= _MOST_LANES or found.time_cost < 1:
            raise HashRefused(f"argon2 must have at least one pass, and 1 to {_MOST_LANES} lanes")
        if found.memory_cost < 8 * found.parallelism:
            raise HashRefused("argon2 needs at least 8 KiB for each lane")
        work = found.memory_cost * found.time_cost
        if found.memory_cost > _MOST_MEMORY_KIB or work > _MOST_ARGON2_KIB:
            raise HashRefused(
                "checking the password hash would take too much: argon2 with"
                f" {found.memory_cost} KiB and {found.time_cost} passes, where {_MOST_MEMORY_KIB}"
                f" KiB, and {_MOST_ARGON2_KIB} KiB over all passes, are allowed"
            )

    def verify(self, secret: bytes) -> bool:
        try:
            return argon2.PasswordHasher().verify(self.text, secret)
        except (VerificationError, InvalidHashError):
            return False


def _require_size(checksum: bytes) -> None:
    if not LEAST_BYTES <= len(checksum) <= MOST_BYTES:
        raise HashRefused(f"the password hash must have {LEAST_BYTES} to {MOST_BYTES} bytes")


def _require_scrypt(n: int, r: int, p: int) -> None:
    if n < 2 or n & (n - 1) or r < 1 or p < 1:
        raise HashRefused("the parameters of scrypt are not valid")
    if n * r > _MOST_MEMORY_KIB * 8 or n * r * p > _MOST_SCRYPT_BLOCKS:
        raise HashRefused(
            f"checking the password hash would take too much: scrypt with N={n}, r={r} and p={p},"
            f" where a product of {_MOST_SCRYPT_BLOCKS} is allowed"
        )


def _scrypt(secret: bytes, salt: bytes, *, n: int, r: int, p: int, size: int) -> bytes:
    # OpenSSL counts some memory in addition to that of the algorithm.
    memory = 128 * r * (n + p + 2) + (1 << 20)
    return hashlib.scrypt(secret, salt=salt, n=n, r=r, p=p, maxmem=memory, dklen=size)
