"""Where to go next, without letting a link decide for another site."""

import re
from typing import Final

_LONGEST: Final = 2000
# One slash and then none: browsers read `//host` and `/\host` as another site.
_LOCAL: Final = re.compile(r"/(?![/\\])[\x21-\x7e]*")


def local_path(target: str | None, fallback: str) -> str:
    """Return `target` if it is a path of this site, else `fallback`."""
    if target and len(target) <= _LONGEST and _LOCAL.fullmatch(target) and "\\" not in target:
        return target
    return fallback
