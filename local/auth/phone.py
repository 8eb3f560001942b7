"""Signing in by phone. Nothing is texted: codes are read at `/emulator/v1/projects/P/verificationCodes`."""

from __future__ import annotations

import re
from dataclasses import replace

from . import fields
from .directory import Directory
from .errors import AuthRefused, ensure
from .fields import Body

_E164 = re.compile(r"\+[0-9 ()-]{4,}")


def send(directory: Directory, body: Body) -> Body:
    """Makes a code for a phone; answers the session to hand it in with."""
    number = fields.text(body, "phoneNumber")
    ensure(number and _E164.fullmatch(number), "INVALID_PHONE_NUMBER : Invalid format.")
    return {"sessionInfo": directory.codes.text(str(number)).session}


def with_code(directory: Directory, body: Body) -> Body:
    """Signs in by a code; makes the account if need be, or adds the phone to the one that asks."""
    number = _proven(directory, body)
    owner = directory.store.by_phone(number)
    if fields.text(body, "idToken"):
        account, _ = directory.bearer(body)
        ensure(owner is None or owner.uid == account.uid, "PHONE_NUMBER_EXISTS")
        owner = replace(account, phone=number)
        directory.store.update(owner)
        new = False
    else:
        new = owner is None
        owner = owner or directory.create({"phoneNumber": number}, admin=True)
    session = directory.sign_in(owner, "phone")
    return {"isNewUser": new, "phoneNumber": number, "localId": owner.uid, **session}


def _proven(directory: Directory, body: Body) -> str:
    session, code = fields.text(body, "sessionInfo"), fields.text(body, "code")
    ensure(session, "MISSING_SESSION_INFO")
    ensure(code, "MISSING_CODE")
    made = directory.codes.texted.get(str(session))
    if made is None:
        raise AuthRefused("INVALID_SESSION_INFO")
    ensure(made.code == code, "INVALID_CODE")
    del directory.codes.texted[made.session]
    return made.phone
