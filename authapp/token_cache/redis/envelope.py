"""A cached value as bytes: JSON, compressed where it pays, sealed for one key and one epoch."""

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
    """A value of another epoch: old, and not damaged."""


class Content(msgspec.Struct, frozen=True):
    """What is sealed: the value and when it ends, for the server could be lying about its TTL."""

    ends: datetime
    value: msgspec.Raw


class Envelope:
    """Seal values so that they open only under their own key's name, in their own epoch."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def seal(self, key: str, epoch: int, value: Any, ends: datetime) -> bytes:
        """Return the bytes to store under `key` until `ends`."""
        content = Content(ends, msgspec.Raw(msgspec.json.encode(value)))
        packed = _pack(msgspec.json.encode(content))
        sealed = self._sealer.seal(packed, bound_to=_bound(key, epoch))
        return epoch.to_bytes(_EPOCH_BYTES, "big") + sealed

    def open(self, key: str, epoch: int, sealed: bytes, type: type[T]) -> tuple[T, datetime]:
        """Return the value that was sealed for `key` in `epoch`, and when it ends.

        Raises OtherEpoch for a value that was sealed for this key in another epoch, and SealBroken
        for anything else that does not open or has ended.
        """
        sealed_in = int.from_bytes(sealed[:_EPOCH_BYTES], "big")
        try:
            packed = self._sealer.open(sealed[_EPOCH_BYTES:], bound_to=_bound(key, sealed_in))
            if sealed_in != epoch:
                raise OtherEpoch("sealed in another epoch")
            content = msgspec.json.decode(_unpack(packed), type=Content)
            value = msgspec.json.decode(content.value, type=type)
        except (msgspec.DecodeError, zlib.error) as error:
            raise SealBroken("not in a format that this release writes") from error
        if content.ends <= clock.now():
            raise SealBroken("it has ended")
        return value, content.ends


def _bound(key: str, epoch: int) -> bytes:
    return b"%b\0%d\0%b" % (FORMAT, epoch, key.encode())


def _pack(plain: bytes) -> bytes:
    if len(plain) < COMPRESS_FROM_BYTES:
        return _PLAIN + plain
    return _COMPRESSED + zlib.compress(plain, level=1)


def _unpack(packed: bytes) -> bytes:
    if packed[:1] == _PLAIN:
        return packed[1:]
    if packed[:1] != _COMPRESSED:
        raise SealBroken("not in a format that this release writes")
    expander = zlib.decompressobj()
    plain = expander.decompress(packed[1:], EXPANDS_TO_AT_MOST_BYTES)
    if expander.unconsumed_tail:
        raise SealBroken("expands to more than any value that is sealed here")
    return plain
