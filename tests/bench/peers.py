"""What authapp is compared with: bare Flask, Flask-JWT-Extended and Flask-Security-Too.

Each is set up as its documentation shows, and served exactly as authapp is.
"""

import base64
import fcntl
import json
import os
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import flask_jwt_extended as jwt
import flask_security as security
import redis
from argon2 import PasswordHasher
from flask import Flask, Response, jsonify, request
from flask_security.models import fsqla_v3
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.model import DefaultMeta
from sqlalchemy import Column, Integer, String

from deploy.wsgi_over_rsgi import WSGIOverRSGI
from tests.bench.serving import EMAIL
from tests.support.accounts import PASSWORD

# What OWASP advises, as in authapp.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def _served(app: Flask) -> WSGIOverRSGI:
    return WSGIOverRSGI(
        app, threads=8, body_limit=256 * 1024, body_seconds=15, on_stop=partial(os._exit, 0)
    )


def bare() -> WSGIOverRSGI:
    """Flask views that return the bytes of authapp's own answers, and do nothing else."""
    app = Flask("bare", static_folder=None)
    recorded = json.loads(Path(os.environ["BENCH_ANSWERS"]).read_text())
    for name, (status, headers, body) in recorded.items():
        view = partial(_repeat, status, headers, base64.b64decode(body))
        app.add_url_rule(f"/{name}", name, view, methods=["GET", "POST"])
    return _served(app)


def _repeat(status: int, headers: list[tuple[str, str]], body: bytes) -> Response:
    return Response(body, status, headers)


def jwt_extended() -> WSGIOverRSGI:
    """Flask-JWT-Extended with HS256 (its default) and a blocklist in Redis."""
    app = Flask("jwt_extended", static_folder=None)
    app.config["JWT_SECRET_KEY"] = "a" * 48
    app.config["JWT_ACCESS_TOKEN_EXPIRES"] = timedelta(hours=1)
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["BENCH_DATABASE"]
    db = SQLAlchemy(app)
    blocklist = redis.Redis.from_url(
        os.environ["REDIS_URL"], socket_timeout=0.1, socket_connect_timeout=0.05
    )
    manager = jwt.JWTManager(app)

    class User(db.Model):
        id = Column(Integer, primary_key=True)
        email = Column(String(255), unique=True)
        password = Column(String(255))

    _create_once(
        app, db, lambda: db.session.add(User(email=EMAIL, password=_hasher.hash(PASSWORD)))
    )

    @manager.token_in_blocklist_loader
    def is_blocked(header: dict[str, Any], payload: dict[str, Any]) -> bool:
        return blocklist.get(payload["jti"]) is not None

    @app.post("/login")
    def login() -> Any:
        given = request.get_json()
        user = User.query.filter_by(email=given["email"]).one()
        _hasher.verify(user.password, given["password"])
        identity = str(user.id)
        return jsonify(
            access_token=jwt.create_access_token(identity),
            refresh_token=jwt.create_refresh_token(identity),
        )

    @app.post("/refresh")
    @jwt.jwt_required(refresh=True)
    def refresh() -> Any:
        return jsonify(access_token=jwt.create_access_token(jwt.get_jwt_identity()))

    @app.post("/logout")
    @jwt.jwt_required()
    def logout() -> Any:
        blocklist.set(jwt.get_jwt()["jti"], "", ex=3600)
        return "", 204

    @app.get("/check")
    @jwt.jwt_required()
    def check() -> Any:
        return "", 204

    @app.get("/me")
    @jwt.jwt_required()
    def me() -> Any:
        user = db.session.get(User, int(jwt.get_jwt_identity()))
        return jsonify(id=user.id, email=user.email)

    return _served(app)


def security_too() -> WSGIOverRSGI:
    """Flask-Security-Too with authentication tokens and its SQLAlchemy datastore."""
    app = Flask("security_too", static_folder=None)
    app.config.update(
        SECRET_KEY="b" * 48,
        SECURITY_PASSWORD_SALT="146585145368132386173505678016728509634",
        SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},
        SQLALCHEMY_DATABASE_URI=os.environ["BENCH_DATABASE"],
        WTF_CSRF_ENABLED=False,
    )
    db: Any = SQLAlchemy(app)
    models = fsqla_v3.FsModels
    models.set_db_info(db)

    class Role(db.Model, fsqla_v3.FsRoleMixin):
        pass

    class User(db.Model, fsqla_v3.FsUserMixin):
        pass

    # The user's model refers to it whenever the webauthn package is installed. The datastore keeps
    # it: SQLAlchemy forgets a model that nothing else refers to.
    class WebAuthn(db.Model, fsqla_v3.FsWebAuthnMixin):
        pass

    assert isinstance(User, DefaultMeta)
    datastore = security.SQLAlchemyUserDatastore(db, User, Role, WebAuthn)
    app.security = security.Security(app, datastore)
    make = partial(_add_security_user, datastore)
    _create_once(app, db, make)

    @app.get("/check")
    @security.auth_required("token")
    def check() -> Any:
        return "", 204

    @app.get("/me")
    @security.auth_required("token")
    def me() -> Any:
        return jsonify(id=security.current_user.id, email=security.current_user.email)

    @app.post("/end")
    @security.auth_required("token")
    def end() -> Any:
        datastore.set_uniquifier(security.current_user)
        datastore.commit()
        return "", 204

    return _served(app)


def _add_security_user(datastore: Any) -> None:
    datastore.create_user(email=EMAIL, password=security.hash_password(PASSWORD))


def _create_once(app: Flask, db: Any, add_user: Any) -> None:
    """Create tables and the user in the first worker that comes; the others wait for the file."""
    with app.app_context(), Path(os.environ["BENCH_LOCK"]).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        db.create_all()
        if not db.session.execute(db.text("SELECT 1 FROM user LIMIT 1")).first():
            add_user()
            db.session.commit()
        db.session.remove()
        db.engine.dispose()
