"""Webhooks as Plaid signs them, for benchmarks: the key of a run, and the header that goes with a body."""

from __future__ import annotations

import hashlib
import json
import time
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

_KEY_ID = "bench-key"
_SECRET = 8  # both processes of a run derive the same key; it signs for nobody else


@cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(_SECRET, ec.SECP256R1())


def public_key() -> dict[str, Any]:
    """The key's public half, as Plaid hands it out."""
    told = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(_key().public_key()))
    return told | {"alg": "ES256", "use": "sig", "kid": _KEY_ID, "created_at": 1, "expired_at": None}


def signature(body: bytes) -> str:
    """What goes into the header Plaid-Verification beside this body, now."""
    claims = {"iat": int(time.time()), "request_body_sha256": hashlib.sha256(body).hexdigest()}
    return jwt.encode(claims, _key(), algorithm="ES256", headers={"kid": _KEY_ID})


def news_of(plaid_item_id: str, number: int) -> bytes:
    """The body of a webhook that says an item has news; each number makes another body."""
    told = {"webhook_type": "TRANSACTIONS", "webhook_code": "SYNC_UPDATES_AVAILABLE", "item_id": plaid_item_id,
            "environment": "sandbox", "initial_update_complete": True, "historical_update_complete": True,
            "number": number}  # fmt: skip
    return json.dumps(told, indent=2).encode()
