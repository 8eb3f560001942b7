"""Month totals, summed from the ledger's rows at the moment of asking."""

from __future__ import annotations

from datetime import date

from apiflask import APIBlueprint
from pydantic_core import PydanticCustomError

from api.answers import Month, MonthAnswer, MonthsAnswer
from api.current import deps, user_id
from sync.errors import InvalidFields
from sync.ledger import spend
from sync.ledger.edit_fields import parse_month

bp = APIBlueprint("months", __name__, url_prefix="/api/months", tag="Months")


@bp.get("")
@bp.output(MonthsAnswer)
def list_months() -> MonthsAnswer:
    """Totals of every month with a live transaction, newest first."""
    return MonthsAnswer(months=[Month.model_validate(one) for one in spend.list_months(deps(), user_id())])


@bp.get("/<month>")
@bp.output(MonthAnswer)
def get_month(month: str) -> MonthAnswer:
    """Totals of one month, `yyyy-mm`."""
    return MonthAnswer(month=Month.model_validate(spend.get_month(deps(), user_id(), first_day(month))))


def first_day(month: str) -> date:
    """The first day of the month of the address; raises InvalidFields."""
    try:
        return parse_month(month)
    except PydanticCustomError as error:
        raise InvalidFields({"month": error.message()}) from None
