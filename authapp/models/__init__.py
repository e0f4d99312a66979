"""The tables, one per file. Importing this package registers them all with `db`."""

from authapp.models.activity_event import Activity, ActivityEvent
from authapp.models.attempt import Attempt
from authapp.models.audit_entry import AuditEntry
from authapp.models.base import db
from authapp.models.cache_journal import CacheCounter, CacheJournal, CacheState, CacheTombstone
from authapp.models.deletion import delete_user
from authapp.models.email_sign_in_request import EmailSignInRequest
from authapp.models.jwks_fetch import JWKSFetch
from authapp.models.jwt_key import JWTKey, KeyState
from authapp.models.lost_factor import LostFactor
from authapp.models.outbox_message import Channel, OutboxMessage
from authapp.models.passkey import Passkey
from authapp.models.password_reset_request import PasswordResetRequest
from authapp.models.refresh_token import EndReason, RefreshToken
from authapp.models.remembered_device import RememberedDevice
from authapp.models.second_factor import AuthenticatorApp, RecoveryCode
from authapp.models.sign_in_block import SignInBlock
from authapp.models.token import OPERATORS_SCOPES, RevokeReason, Scope, Token
from authapp.models.token_use import TokenUse
from authapp.models.user import User
from authapp.models.verification_request import VerificationRequest
from authapp.models.verification_token import PROTECTIVE_LINKS, VerificationToken, VerificationType
from authapp.models.webhook_endpoint import WebhookEndpoint

__all__ = [
    "OPERATORS_SCOPES",
    "PROTECTIVE_LINKS",
    "Activity",
    "ActivityEvent",
    "Attempt",
    "AuditEntry",
    "AuthenticatorApp",
    "CacheCounter",
    "CacheJournal",
    "CacheState",
    "CacheTombstone",
    "Channel",
    "EmailSignInRequest",
    "EndReason",
    "JWKSFetch",
    "JWTKey",
    "KeyState",
    "LostFactor",
    "OutboxMessage",
    "Passkey",
    "PasswordResetRequest",
    "RecoveryCode",
    "RefreshToken",
    "RememberedDevice",
    "RevokeReason",
    "Scope",
    "SignInBlock",
    "Token",
    "TokenUse",
    "User",
    "VerificationRequest",
    "VerificationToken",
    "VerificationType",
    "WebhookEndpoint",
    "db",
    "delete_user",
]
