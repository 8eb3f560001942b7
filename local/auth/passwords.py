"""Passwords at rest: scrypt with a salt of its own for each, the parameters stored beside the hash.

The cost is low for a password hash: this is a stand-in whose tests sign up thousands; the product keeps no passwords.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

_COST, _BLOCK, _LANES = 2**12, 8, 1


def hashed(password: str) -> str:
    """The text to store for the password."""
    salt = secrets.token_bytes(16)
    digest = _derive(password, salt, _COST, _BLOCK, _LANES)
    return f"scrypt:{_COST}:{_BLOCK}:{_LANES}:{_text(salt)}:{_text(digest)}"


def foreign(digest: str) -> str:
    """The text to store for a hash of another make, which no password matches."""
    return f"foreign:{digest}"


def matches(password: str, stored: str | None) -> bool:
    """Whether the password is the one stored; False where none is."""
    if stored is None or stored.startswith("foreign:"):
        return False
    _, cost, block, lanes, salt, digest = stored.split(":")
    wanted = base64.b64decode(digest)
    return hmac.compare_digest(_derive(password, base64.b64decode(salt), int(cost), int(block), int(lanes)), wanted)


def _derive(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=cost, r=block, p=lanes, dklen=32)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
