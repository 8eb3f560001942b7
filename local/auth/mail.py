"""What a mailed code is for: a new password, a proven or changed address, a way in.

Nothing is mailed: codes are read at `/emulator/v1/projects/P/oobCodes`, as with the vendor's emulator.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from . import fields, passwords
from .accounts import Account
from .codes import MODES, MailedCode
from .directory import Directory
from .errors import AuthRefused, ensure
from .fields import Body

_KIND = "identitytoolkit#"


def send(directory: Directory, body: Body, *, admin: bool) -> Body:
    """Makes a code; an admin who asks for the link gets it in the answer."""
    kind = fields.text(body, "requestType")
    ensure(kind in MODES and kind != "RECOVER_EMAIL", "MISSING_REQ_TYPE" if kind is None else "INVALID_REQ_TYPE")
    wants_link = bool(fields.flag(body, "returnOobLink"))
    ensure(admin or not wants_link, "INSUFFICIENT_PERMISSION")
    continue_url = fields.text(body, "continueUrl")
    ensure(not continue_url or _absolute(continue_url), "INVALID_CONTINUE_URI : expected an absolute URI")
    email = _addressee(directory, body, str(kind), by_admin=wants_link and not body.get("idToken"))
    answer: Body = {"kind": f"{_KIND}GetOobConfirmationCodeResponse", "email": email}
    if kind == "PASSWORD_RESET" and directory.email_privacy and directory.store.by_email(email) is None:
        return answer
    new_email = _new_address(directory, body) if kind == "VERIFY_AND_CHANGE_EMAIL" else None
    made = directory.mail(str(kind), email, new_email=new_email, continue_url=continue_url)
    return {**answer, "oobCode": made.code, "oobLink": made.link} if wants_link else answer


def reset_password(directory: Directory, body: Body) -> Body:
    """Tells what a code is for; with a new password, sets it, which proves the address and ends older sessions."""
    made = _code(directory, body)
    word = fields.text(body, "newPassword")
    if word is not None:
        ensure(made.kind == "PASSWORD_RESET", "INVALID_OOB_CODE")
        fields.password({"password": word})
        account = _holder(directory, made)
        changed = replace(account, email_verified=True, password=passwords.hashed(word), providers=[])
        changed.password_changed_ms, changed.valid_since = directory.millis(), directory.seconds()
        directory.store.update(changed)
        del directory.codes.mailed[made.code]
    answer: Body = {"kind": f"{_KIND}ResetPasswordResponse", "requestType": made.kind}
    # Whoever signs in by a link must know the address that it went to.
    if made.kind != "EMAIL_SIGNIN":
        answer["email"] = made.email
    return {**answer, **({"newEmail": made.new_email} if made.new_email else {})}


def apply(directory: Directory, body: Body) -> Account:
    """Does what a code for an address allows: proves it, changes it, or takes the change back."""
    made = _code(directory, body)
    if made.kind == "VERIFY_EMAIL":
        changed = replace(_holder(directory, made), email_verified=True)
    elif made.kind == "VERIFY_AND_CHANGE_EMAIL":
        ensure(directory.store.by_email(str(made.new_email)) is None, "EMAIL_EXISTS")
        changed = replace(_holder(directory, made), email=made.new_email, email_verified=True)
    elif made.kind == "RECOVER_EMAIL":
        changed = replace(_holder(directory, made, made.new_email), email=made.email, email_verified=True)
    else:
        raise AuthRefused("INVALID_OOB_CODE")
    directory.store.update(changed)
    del directory.codes.mailed[made.code]
    return changed


def with_link(directory: Directory, body: Body) -> Body:
    """Signs in by a mailed link; makes the account if need be, or proves the address of the one that asks."""
    email = fields.email(body)
    ensure(email, "MISSING_EMAIL")
    made = _code(directory, body)
    ensure(made.kind == "EMAIL_SIGNIN", "INVALID_OOB_CODE")
    ensure(made.email == email, "INVALID_EMAIL : The email provided does not match the sign-in email address.")
    owner = directory.store.by_email(str(email))
    account = directory.bearer(body)[0] if fields.text(body, "idToken") else owner
    ensure(owner is None or account is None or owner.uid == account.uid, "EMAIL_EXISTS")
    new = account is None
    account = account or directory.create({}, admin=False)
    ensure(not account.disabled, "USER_DISABLED")
    proven = replace(account, email=email, email_verified=True, email_link=True)
    directory.store.update(proven)
    del directory.codes.mailed[made.code]
    answer = {"kind": f"{_KIND}EmailLinkSigninResponse", "email": email, "localId": proven.uid, "isNewUser": new}
    return {**answer, **directory.sign_in(proven, "password")}


def ways_in(directory: Directory, body: Body) -> Body:
    """createAuthUri: how an address may sign in, unless addresses are private."""
    email = fields.email({"email": body.get("identifier")})
    ensure(email, "MISSING_IDENTIFIER")
    ensure(fields.text(body, "continueUri"), "MISSING_CONTINUE_URI")
    answer: Body = {"kind": f"{_KIND}CreateAuthUriResponse", "sessionId": "local-auth"}
    if directory.email_privacy:
        return answer
    account = directory.store.by_email(str(email))
    methods = account.sign_in_methods() if account else []
    providers = list(dict.fromkeys("password" if one == "emailLink" else one for one in methods))
    listed = {"allProviders": providers, "signinMethods": methods} if account else {}
    return {**answer, "registered": account is not None, **listed}


def _addressee(directory: Directory, body: Body, kind: str, *, by_admin: bool) -> str:
    if kind in {"VERIFY_EMAIL", "VERIFY_AND_CHANGE_EMAIL"} and not by_admin:
        account, _ = directory.bearer(body)
        ensure(account.email, "MISSING_EMAIL")
        return str(account.email)
    email = fields.email(body)
    ensure(email, "MISSING_EMAIL")
    known = kind == "EMAIL_SIGNIN" or directory.store.by_email(str(email)) is not None
    if kind == "PASSWORD_RESET":
        ensure(known or directory.email_privacy, "EMAIL_NOT_FOUND")
    else:
        ensure(known, "USER_NOT_FOUND")
    return str(email)


def _new_address(directory: Directory, body: Body) -> str:
    email = fields.email({"email": body.get("newEmail")})
    ensure(email, "MISSING_NEW_EMAIL")
    ensure(directory.store.by_email(str(email)) is None, "EMAIL_EXISTS")
    return str(email)


def _code(directory: Directory, body: Body) -> MailedCode:
    code = fields.text(body, "oobCode")
    ensure(code, "MISSING_OOB_CODE")
    made = directory.codes.mailed.get(str(code))
    if made is None:
        raise AuthRefused("INVALID_OOB_CODE")
    return made


def _holder(directory: Directory, made: MailedCode, email: str | None = None) -> Account:
    account = directory.store.by_email(email or made.email)
    if account is None:
        raise AuthRefused("INVALID_OOB_CODE")
    return account


def _absolute(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc)
