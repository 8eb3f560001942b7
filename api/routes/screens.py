"""What an open page tells of itself: what it showed and when, and what it could not verify."""

from __future__ import annotations

from apiflask import APIBlueprint
from pydantic import Field

from api.answers import Answer
from api.bodies import AcknowledgementsBody, RepairBody
from api.current import deps, user_id
from api.pace import Pace
from sync import screens

bp = APIBlueprint("screens", __name__, url_prefix="/api", tag="Page")
_pace = Pace(limit=60, seconds=60.0)


class Acknowledged(Answer):
    """How many of the versions were news: committed for this user, and not told by this screen before."""

    noted: int = Field(ge=0)


class RepairRequested(Answer):
    """How many documents are on their way to be mirrored anew."""

    documents: int = Field(ge=0)


@bp.post("/acknowledgements")
@bp.input(AcknowledgementsBody, arg_name="body")
@bp.output(Acknowledged)
def acknowledge(body: AcknowledgementsBody) -> Acknowledged:
    """Tell which versions of the user's documents, or a household's, a screen received and drew. Safe twice."""
    _pace.take(user_id())
    versions = [screens.Shown(one.epoch, one.number, one.received_ms_ago, one.rendered_ms_ago) for one in body.versions]
    noted = screens.acknowledge(
        deps(), user_id(), body.screen, body.round_trip_ms, versions, household_id=body.household
    )
    return Acknowledged(noted=noted)


@bp.post("/repairs")
@bp.input(RepairBody, arg_name="body")
@bp.output(RepairRequested)
def repair(body: RepairBody) -> RepairRequested:
    """Have days of a month mirrored anew, because a page found them to differ from the month's receipt."""
    documents = screens.request_repair(
        deps(), user_id(), body.month, body.days, body.shown, household_id=body.household
    )
    return RepairRequested(documents=documents)
