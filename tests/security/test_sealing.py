"""Sealed bytes open only unchanged and in the place they were sealed for."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as some

from authapp.security.sealing import SealBroken, Sealer

OLD, NEW = os.urandom(32), os.urandom(32)


@given(some.binary(), some.binary())
def test_sealed_bytes_can_be_opened(plain: bytes, place: bytes) -> None:
    sealed = Sealer([NEW]).seal(plain, bound_to=place)

    assert Sealer([NEW, OLD]).open(sealed, bound_to=place) == plain


@given(some.binary(min_size=1), some.integers(0, 200), some.integers(1, 255))
def test_any_changed_byte_breaks_the_seal(plain: bytes, at: int, change: int) -> None:
    sealed = bytearray(Sealer([NEW]).seal(plain, bound_to=b"here"))
    sealed[at % len(sealed)] ^= change

    with pytest.raises(SealBroken):
        Sealer([NEW]).open(bytes(sealed), bound_to=b"here")


@given(some.binary(max_size=60))
def test_arbitrary_bytes_do_not_open(junk: bytes) -> None:
    with pytest.raises(SealBroken):
        Sealer([NEW]).open(junk, bound_to=b"here")


def test_a_moved_value_does_not_open() -> None:
    sealed = Sealer([NEW]).seal(b"value", bound_to=b"here")

    with pytest.raises(SealBroken):
        Sealer([NEW]).open(sealed, bound_to=b"there")


def test_keys_rotate() -> None:
    sealed = Sealer([OLD]).seal(b"value", bound_to=b"here")

    assert Sealer([NEW, OLD]).open(sealed, bound_to=b"here") == b"value"
    assert not Sealer([NEW, OLD]).is_current(sealed)
    with pytest.raises(SealBroken):
        Sealer([NEW]).open(sealed, bound_to=b"here")
