"""What KMS refuses, by AWS's names."""

from __future__ import annotations


class KmsError(Exception):
    """A refusal: AWS's exception name, and what it says."""

    def __init__(self, name: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.name, self.message, self.status = name, message, status

    def body(self) -> dict[str, str]:
        """The JSON that AWS answers with."""
        return {"__type": self.name, "message": self.message}


def not_found(key_id: str) -> KmsError:
    return KmsError("NotFoundException", f"Key '{key_id}' does not exist")


def invalid(message: str) -> KmsError:
    return KmsError("ValidationException", message)
