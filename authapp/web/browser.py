"""The current browser: the secret by which it is recognized, its visitor, and its cookies."""

import secrets
from typing import cast

from flask import g, session

from authapp.domain.emailed_links import Visitor
from authapp.domain.sign_ins import SignInDevice
from authapp.http.client import client
from authapp.http.credentials import DEVICE, REMEMBERED, cookie


def browser_secret() -> str:
    """Return the browser's secret; the first call creates it."""
    return cast(str, session.setdefault("browser", secrets.token_urlsafe(32)))


def visitor() -> Visitor:
    """Return who is opening an emailed link."""
    user_id = g.identity.user_id if g.identity else None
    return Visitor(user_id=user_id, browser=session.get("browser"))


def sign_in_device() -> SignInDevice:
    """Return the browser as the device on which a user signs in."""
    return SignInDevice(client(), cookie(DEVICE), cookie(REMEMBERED), g.identity)
