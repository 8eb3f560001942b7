"""The signed-in user's own profile."""

from __future__ import annotations

from apiflask import APIBlueprint

from api.answers import ErasureAnswer, Profile, ProfileAnswer, ProfileWritten, marked
from api.bodies import ProfileBody
from api.current import caller, deps, user_id
from sync import users
from sync.erase import erasures
from sync.errors import UserNotFound

bp = APIBlueprint("me", __name__, url_prefix="/api/me", tag="Profile")


@bp.put("")
@bp.input(ProfileBody, arg_name="body")
@bp.output(ProfileWritten)
def put_me(body: ProfileBody) -> ProfileWritten:
    """Sign up, or refresh the profile. Safe twice.

    The e-mail address comes from the ID token. A name that is left out is the token's, else stays as it is.
    """
    given = "display_name" in body.model_fields_set
    name = body.display_name if given else caller().name or known_name()
    user, marks = users.sign_up(deps(), user_id(), caller().email, name)
    return ProfileWritten(user=Profile.model_validate(user), marked=marked(marks))


@bp.get("")
@bp.output(ProfileAnswer)
def get_me() -> ProfileAnswer:
    """The profile; `user-not-found` before the first `PUT`."""
    return ProfileAnswer(user=Profile.model_validate(users.get_user(deps(), user_id())))


@bp.delete("")
@bp.output(ErasureAnswer, status_code=202)
def delete_me() -> ErasureAnswer:
    """Erase the user: everything in both stores, the banks' access, the sign-in. There is no way back.

    Needs a sign-in of the last five minutes. From the answer on every request is refused with `user-erased`.
    """
    caller().need_fresh_sign_in()
    return ErasureAnswer(erasure=str(erasures.ask_own(deps(), user_id())))


def known_name() -> str | None:
    """The name the ledger has, none before sign-up."""
    try:
        name: str | None = users.get_user(deps(), user_id())["displayName"]
    except UserNotFound:
        return None
    return name
