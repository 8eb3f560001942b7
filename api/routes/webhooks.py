"""The door for Plaid's webhooks: signed by Plaid, therefore without an ID token."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import request

from api.answers import Answer
from api.auth import public
from api.current import deps
from sync.banks import webhooks

bp = APIBlueprint("webhooks", __name__, url_prefix="/webhooks", tag="Webhooks")


class Received(Answer):
    """What became of the webhook. Plaid reads only the status."""

    state: str
    duplicate: bool


@bp.post("/plaid")
@bp.output(Received)
@public
def plaid() -> dict[str, object]:
    """Stores a signed webhook and wakes the pull.

    Verified over the raw bytes by the JWT of the `Plaid-Verification` header; anything forged, altered or older than
    five minutes is refused with 401 and leaves nothing behind. A duplicate is answered 200 and changes nothing.
    """
    body = request.get_data(cache=True)
    receipt = webhooks.receive(deps(), body, request.headers.get("Plaid-Verification"))
    return {"state": receipt.state, "duplicate": receipt.duplicate}
