"""Bank accounts, read only: they come and go with their item."""

from __future__ import annotations

from apiflask import APIBlueprint

from api.answers import Account, AccountsAnswer
from api.current import deps, user_id
from sync.banks import items

bp = APIBlueprint("accounts", __name__, url_prefix="/api/accounts", tag="Banks")


@bp.get("")
@bp.output(AccountsAnswer)
def list_accounts() -> AccountsAnswer:
    """The accounts of all linked banks, with their last known balances."""
    return AccountsAnswer(accounts=[Account.model_validate(one) for one in items.list_accounts(deps(), user_id())])
