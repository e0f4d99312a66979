"""Where a request came from, as far as a use case needs to know."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """A client's network address and what it calls itself."""

    address: str
    user_agent: str
