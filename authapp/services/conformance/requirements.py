"""The requirements, each with the test that shows it; docs/security.md says what is left out.

Sources: OWASP ASVS 5.0, NIST SP 800-63B-4, WebAuthn, and the RFCs on OAuth and JOSE.
"""

from typing import Final

from authapp.services.conformance.authentication import AUTHENTICATION
from authapp.services.conformance.sessions_and_tokens import SESSIONS_AND_TOKENS

REQUIREMENTS: Final = (*AUTHENTICATION, *SESSIONS_AND_TOKENS)
