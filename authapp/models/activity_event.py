"""Account activity, which an account's owner and operators can read."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from authapp import clock
from authapp.models.base import Base, Id


class Activity(StrEnum):
    """The kinds of activity; the pages have a text for each."""

    REGISTERED = "registered"
    INVITED = "invited"
    INVITATION_ACCEPTED = "invitation_accepted"
    REGISTERED_AGAIN = "registered_again"
    EMAIL_VERIFIED = "email_verified"
    LINK_OPENED_ELSEWHERE = "link_opened_elsewhere"
    SIGNED_IN = "signed_in"
    SIGN_IN_REFUSED = "sign_in_refused"
    SECOND_FACTOR_REFUSED = "second_factor_refused"
    SIGN_IN_CODE_REQUESTED = "sign_in_code_requested"
    SIGN_IN_BLOCKED = "sign_in_blocked"
    PASSWORD_CONFIRMED = "password_confirmed"
    PASSWORD_REFUSED = "password_refused"
    CODE_CONFIRMED = "code_confirmed"
    CODE_REFUSED = "code_refused"
    SIGNED_OUT_FOR_GUESSING = "signed_out_for_guessing"
    SIGNED_OUT = "signed_out"
    SIGNED_OUT_ELSEWHERE = "signed_out_elsewhere"
    SIGNED_OUT_BY_OPERATOR = "signed_out_by_operator"
    SIGNED_OUT_OVER_LIMIT = "signed_out_over_limit"
    REUSE_SEEN = "reuse_seen"
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_ENABLED = "account_enabled"
    ACCOUNT_FROZEN = "account_frozen"
    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_KEPT = "account_kept"
    DATA_DOWNLOADED = "data_downloaded"
    EMAIL_CHANGE_REQUESTED = "email_change_asked"
    EMAIL_CHANGED = "email_changed"
    EMAIL_RESTORED = "email_restored"
    API_TOKEN_CREATED = "api_token_made"
    API_TOKEN_ROTATED = "api_token_rotated"
    API_TOKEN_REVOKED = "api_token_revoked"
    API_TOKEN_LEAKED = "api_token_leaked"
    PASSWORD_RESET_REQUESTED = "password_reset_asked"
    PASSWORD_RESET = "password_reset"
    PASSWORD_CHANGED = "password_changed"
    SECOND_FACTOR_ADDED = "second_factor_added"
    SECOND_FACTOR_REPLACED = "second_factor_replaced"
    SECOND_FACTOR_REMOVED = "second_factor_removed"
    APP_REMOVED = "authenticator_app_removed"
    RECOVERY_CODE_USED = "recovery_code_used"
    RECOVERY_CODES_RENEWED = "recovery_codes_renewed"
    LOST_FACTOR_STARTED = "lost_factor_started"
    LOST_FACTOR_STOPPED = "lost_factor_stopped"
    DEVICE_REMEMBERED = "device_remembered"
    DEVICES_FORGOTTEN = "devices_forgotten"
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_REMOVED = "passkey_removed"
    PASSKEY_CONFIRMED = "passkey_confirmed"
    PASSKEY_COPIED = "passkey_copied"
    SCOPE_GRANTED = "scope_granted"
    SCOPE_WITHDRAWN = "scope_withdrawn"
    ROLE_GRANTED = "role_granted"
    ROLE_WITHDRAWN = "role_withdrawn"
    PHONE_VERIFIED = "phone_verified"
    PHONE_CHANGED = "phone_changed"
    PHONE_REMOVED = "phone_removed"


class ActivityEvent(Base):
    """One event; `details` holds short texts, never a secret.

    `user_id` is None for a refused sign-in that named no account. `times` counts failures since
    `created_at`; the address and the user agent are those of the latest.
    """

    __tablename__ = "activity_events"
    __table_args__ = (Index(None, "user_id", "created_at"), Index(None, "created_at"))

    id: Mapped[Id]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    activity: Mapped[str] = mapped_column(String(60))
    address: Mapped[str | None] = mapped_column(String(45))
    user_agent: Mapped[str | None] = mapped_column(String(400))
    details: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    times: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
