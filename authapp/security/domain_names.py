"""Domain names in ASCII, the form in which they are looked up and compared (IDNA 2008)."""

import idna


def ascii_domain(name: str) -> str:
    """Return a domain name in lower case, its labels as A-labels (RFC 5890).

    Python's own codec implements IDNA 2003, in which `straße.de` is `strasse.de`: another domain,
    with another owner. Raises UnicodeError for a name that is not valid.
    """
    return name.lower() if name.isascii() else idna.encode(name, uts46=True).decode()


def ascii_address(address: str) -> str:
    """Return an email address with its domain in ASCII; raises UnicodeError."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{ascii_domain(domain)}"
