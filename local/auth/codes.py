"""Codes that a real service would send by e-mail or text message; here they wait to be read. In memory: a restart
forgets them, as it does the vendor's.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

MODES = {
    "PASSWORD_RESET": "resetPassword",
    "VERIFY_EMAIL": "verifyEmail",
    "EMAIL_SIGNIN": "signIn",
    "RECOVER_EMAIL": "recoverEmail",
    "VERIFY_AND_CHANGE_EMAIL": "verifyAndChangeEmail",
}
_MOST_KEPT = 10_000
_Kept = TypeVar("_Kept")


@dataclass(frozen=True)
class MailedCode:
    """A code mailed to an address, good for one thing and, but for looking at it, once."""

    code: str
    kind: str
    email: str
    new_email: str | None
    link: str

    def shown(self) -> dict[str, str]:
        """As the vendor's emulator lists it."""
        listed = {"email": self.email, "requestType": self.kind, "oobCode": self.code, "oobLink": self.link}
        return {**listed, **({"newEmail": self.new_email} if self.new_email else {})}


@dataclass(frozen=True)
class TextedCode:
    """A code texted to a phone."""

    session: str
    phone: str
    code: str

    def shown(self) -> dict[str, str]:
        """As the vendor's emulator lists it."""
        return {"phoneNumber": self.phone, "sessionInfo": self.session, "code": self.code}


class Codes:
    """All codes that are still good, oldest first; the oldest go when there are too many."""

    def __init__(self) -> None:
        self.mailed: dict[str, MailedCode] = {}
        self.texted: dict[str, TextedCode] = {}

    def mail(
        self, kind: str, email: str, *, origin: str, new_email: str | None, continue_url: str | None
    ) -> MailedCode:
        """A new code, with the link that the mail would hold."""
        code = secrets.token_urlsafe(40)
        query = {"mode": MODES[kind], "lang": "en", "oobCode": code, "apiKey": "fake-api-key"}
        if continue_url:
            query["continueUrl"] = continue_url
        made = MailedCode(code, kind, email, new_email, f"{origin}/emulator/action?{urlencode(query)}")
        _keep(self.mailed, code, made)
        return made

    def text(self, phone: str) -> TextedCode:
        """A new code for a phone."""
        made = TextedCode(secrets.token_urlsafe(32), phone, f"{secrets.randbelow(10**6):06}")
        _keep(self.texted, made.session, made)
        return made

    def clear(self) -> None:
        """Forgets every code."""
        self.mailed.clear()
        self.texted.clear()


def _keep(kept: dict[str, _Kept], key: str, made: _Kept) -> None:
    kept[key] = made
    if len(kept) > _MOST_KEPT:
        del kept[next(iter(kept))]
