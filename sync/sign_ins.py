"""Sign-ins at Firebase, as their administrator: ended at once, deleted, looked for.

The only module of `sync` that talks to Firebase Authentication. Ending and deleting are safe twice; an account that is
not there counts as ended and deleted. Connects at the first call. Called by erase.py; api/auth.py shares the address.
"""

from __future__ import annotations

import itertools
import os
from typing import Any

import firebase_admin
from firebase_admin import auth, credentials, exceptions

from sync.errors import SignInUnavailable

EMULATOR = "FIREBASE_AUTH_EMULATOR_HOST"  # firebase_admin reads this name from the environment on each call
TIMEOUT_SECONDS = 5
_serial = itertools.count()


def point_at_emulator(host: str | None) -> None:
    """Makes firebase_admin ask the local sign-in, or makes sure that it does not."""
    if host:
        os.environ[EMULATOR] = host
    else:
        os.environ.pop(EMULATOR, None)


def open_app(project: str, emulator_host: str | None) -> Any:
    """A Firebase app of this process's own; close it with `firebase_admin.delete_app`."""
    point_at_emulator(emulator_host)
    options = {"projectId": project, "httpTimeout": TIMEOUT_SECONDS}
    return firebase_admin.initialize_app(credentials.ApplicationDefault(), options, name=f"livespend-{next(_serial)}")


class SignIns:
    """The accounts of one Firebase project. Threads may share it."""

    def __init__(self, *, project: str, emulator_host: str | None) -> None:
        self._project, self._emulator_host = project, emulator_host
        self._opened: Any = None

    def end(self, user_id: str) -> bool:
        """Disables the account and revokes its refresh tokens; answers whether there is one. Twice is safe.

        An ID token that is out already goes on until it expires, an hour after it was issued. Raises SignInUnavailable.
        """
        try:
            auth.update_user(user_id, disabled=True, app=self._app())
            auth.revoke_refresh_tokens(user_id, self._app())
        except auth.UserNotFoundError:
            return False
        except (exceptions.FirebaseError, ValueError):
            raise SignInUnavailable from None
        return True

    def delete(self, user_id: str) -> None:
        """Deletes the account; twice is safe. Raises SignInUnavailable."""
        try:
            auth.delete_user(user_id, self._app())
        except auth.UserNotFoundError:
            return
        except (exceptions.FirebaseError, ValueError):
            raise SignInUnavailable from None

    def exists(self, user_id: str) -> bool:
        """Whether there is such an account. Raises SignInUnavailable."""
        try:
            auth.get_user(user_id, self._app())
        except auth.UserNotFoundError:
            return False
        except (exceptions.FirebaseError, ValueError):
            raise SignInUnavailable from None
        return True

    def _app(self) -> Any:
        if self._opened is None:
            self._opened = open_app(self._project, self._emulator_host)
        return self._opened
