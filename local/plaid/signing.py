"""Webhook signatures: ES256 with a P-256 key of our own, kept in the store.

Also makes the forgeries that the fault knobs ask for. A new key lets the earlier ones expire.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from local.plaid.clock import Clock
from local.plaid.errors import PlaidError
from local.plaid.mint import Mint
from local.plaid.store import Store

_OLD, _FUTURE = -400, 20


def new_key(store: Store, mint: Mint) -> str:
    """Makes a signing key and lets the earlier ones expire; answers its id. The caller holds the transaction."""
    private = ec.generate_private_key(ec.SECP256R1())
    text = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    now = int(Clock.machine_seconds())
    digest = mint.digest(f"kid:{store.count_up('kid')}").hex()
    kid = f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"
    store.run("update keys set expired_at = ? where expired_at is null", now)
    store.run("insert into keys values (?, ?, ?, null)", kid, text, now)
    return kid


def public_key(store: Store, kid: str) -> dict[str, Any]:
    """The key as /webhook_verification_key/get shows it."""
    row = store.one("select * from keys where kid = ?", kid)
    if row is None:
        raise PlaidError("INVALID_WEBHOOK_VERIFICATION_KEY_ID")
    numbers = _load(row["private"]).public_key().public_numbers()
    return {
        "alg": "ES256",
        "created_at": row["created_at"],
        "crv": "P-256",
        "expired_at": row["expired_at"],
        "kid": kid,
        "kty": "EC",
        "use": "sig",
        "x": _base64url(numbers.x),
        "y": _base64url(numbers.y),
    }


def sign(store: Store, body: bytes, fault: str | None = None) -> str:
    """The JWT for a webhook body; a fault makes one that must be refused (or, `future`, just accepted)."""
    row = store.one("select * from keys where expired_at is null order by created_at desc, rowid desc limit 1")
    assert row is not None
    skew = {"webhook_old_iat": _OLD, "webhook_future_iat": _FUTURE}.get(fault or "", 0)
    claims = {"iat": int(Clock.machine_seconds()) + skew, "request_body_sha256": hashlib.sha256(body).hexdigest()}
    headers = {"kid": "00000000-unknown-key" if fault == "webhook_wrong_kid" else row["kid"], "typ": "JWT"}
    if fault == "webhook_hs256":
        secret = hashlib.sha256(row["kid"].encode()).hexdigest()
        return jwt.encode(claims, secret, algorithm="HS256", headers=headers)
    private = ec.generate_private_key(ec.SECP256R1()) if fault == "webhook_bad_signature" else _load(row["private"])
    return jwt.encode(claims, private, algorithm="ES256", headers=headers)


def _load(pem: str) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def _base64url(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()
