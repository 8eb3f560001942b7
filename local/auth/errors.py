"""How local auth says no: the vendor's own words, which the SDKs translate into their error codes."""

from __future__ import annotations


class AuthRefused(Exception):
    """The request is refused; `message` is the vendor's (EMAIL_NOT_FOUND and its like), `status` the HTTP status."""

    def __init__(self, message: str, status: int = 400, label: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.label = label

    def body(self) -> dict[str, object]:
        """The reply as the vendor words it."""
        error: dict[str, object] = {
            "code": self.status,
            "message": self.message,
            "errors": [{"message": self.message, "reason": "invalid", "domain": "global"}],
        }
        return {"error": {**error, "status": self.label} if self.label else error}


def unserved(what: str) -> AuthRefused:
    """The refusal of what local auth does not have, by name."""
    return AuthRefused(f"NOT_IMPLEMENTED : local auth has no {what}", 501, "UNIMPLEMENTED")


def ensure(condition: object, message: str) -> None:
    """Raises AuthRefused with the message unless the condition holds."""
    if not condition:
        raise AuthRefused(message)
