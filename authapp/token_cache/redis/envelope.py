"""A cached value as bytes: JSON, compressed if large, sealed for one key and one epoch."""

import zlib
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from authapp import clock
from authapp.security.sealing import SealBroken, Sealer

FORMAT: Final = b"1"
COMPRESS_FROM_BYTES: Final = 1024
EXPANDS_TO_AT_MOST_BYTES: Final = 1 << 20

_EPOCH_BYTES: Final = 8
_PLAIN: Final = b"j"
_COMPRESSED: Final = b"z"

T = TypeVar("T")


class OtherEpoch(SealBroken):
    """The value is from another epoch: out of date, but not damaged."""


class Content(msgspec.Struct, frozen=True):
    """What is sealed: the value and its expiry, because the server may not honor the TTL."""

    ends: datetime
    value: msgspec.Raw


class Envelope:
    """Seal values so that they open only under their own key and in their own epoch."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def seal(self, key: str, epoch: int, value: Any, ends: datetime) -> bytes:
        """Return the bytes to store under `key` until `ends`."""
        content = Content(ends, msgspec.Raw(msgspec.json.encode(value)))
        packed = _pack(msgspec.json.encode(content))
        sealed = self._sealer.seal(packed, bound_to=_associated_data(key, epoch))
        return epoch.to_bytes(_EPOCH_BYTES, "big") + sealed

    def open(self, key: str, epoch: int, sealed: bytes, type: type[T]) -> tuple[T, datetime]:
        """Return the value that was sealed for `key` in `epoch`, and its expiry.

        Raises OtherEpoch for a value that was sealed for this key in another epoch, and SealBroken
        for anything else that does not open or has expired.
        """
        sealed_in = int.from_bytes(sealed[:_EPOCH_BYTES], "big")
        try:
            packed = self._sealer.open(
                sealed[_EPOCH_BYTES:], bound_to=_associated_data(key, sealed_in)
            )
            if sealed_in != epoch:
                raise OtherEpoch("sealed in another epoch")
            content = msgspec.json.decode(_unpack(packed), type=Content)
            value = msgspec.json.decode(content.value, type=type)
        except (msgspec.DecodeError, zlib.error) as error:
            raise SealBroken("its format is unknown to this release") from error
        if content.ends <= clock.now():
            raise SealBroken("it has expired")
        return value, content.ends


def _associated_data(key: str, epoch: int) -> bytes:
    return b"%b\0%d\0%b" % (FORMAT, epoch, key.encode())


def _pack(plain: bytes) -> bytes:
    if len(plain) < COMPRESS_FROM_BYTES:
        return _PLAIN + plain
    return _COMPRESSED + zlib.compress(plain, level=1)


def _unpack(packed: bytes) -> bytes:
    if packed[:1] == _PLAIN:
        return packed[1:]
    if packed[:1] != _COMPRESSED:
        raise SealBroken("its format is unknown to this release")
    expander = zlib.decompressobj()
    plain = expander.decompress(packed[1:], EXPANDS_TO_AT_MOST_BYTES)
    if expander.unconsumed_tail:
        raise SealBroken("it expands to more than the maximum size")
    return plain
