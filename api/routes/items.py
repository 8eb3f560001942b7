"""Linked banks: from Link's token to the item, its repair, and its end."""

from __future__ import annotations

from uuid import UUID

from apiflask import APIBlueprint
from flask import Response

from api.answers import (
    Item,
    ItemsAnswer,
    ItemWritten,
    LinkSession,
    LinkSessionAnswer,
    LinkToken,
    Refreshed,
    WriteAnswer,
    marked,
)
from api.bodies import LinkTokenBody, NewItemBody
from api.current import deps, user_id
from api.idempotency import create
from sync.banks import items
from sync.banks.twins import Told
from sync.deps import Deps
from sync.pull import refresh

bp = APIBlueprint("items", __name__, url_prefix="/api", tag="Banks")


@bp.post("/link-tokens")
@bp.input(LinkTokenBody, arg_name="body")
@bp.output(LinkToken)
def create_link_token(body: LinkTokenBody) -> LinkToken:
    """A token that opens Link: for a new bank, or in update mode for the item given."""
    opened = items.create_link_token(
        deps(), user_id(), body.item_id, account_selection=body.account_selection, hosted=body.hosted
    )
    return LinkToken.model_validate(opened)


@bp.get("/link-sessions/<uuid:session_id>")
@bp.output(LinkSessionAnswer)
def show_link_session(session_id: UUID) -> LinkSessionAnswer:
    """How a use of Hosted Link stands; the linked bank itself arrives as a document."""
    session = items.show_link_session(deps(), user_id(), session_id)
    return LinkSessionAnswer(session=LinkSession.model_validate(session))


@bp.post("/items")
@bp.input(NewItemBody, arg_name="body")
@bp.output(ItemWritten, 201)
def create_item(body: NewItemBody) -> Response:
    """Link a bank: Link's public token becomes an item; its transactions follow as they are pulled.

    One that the user has linked already, and that works, is refused with `itemId` of what there is.
    """

    def link(with_deps: Deps) -> ItemWritten:
        item, marks = items.exchange(
            with_deps,
            user_id(),
            body.public_token,
            link_token=body.link_token,
            institution_id=body.institution_id,
            accounts=[Told(account.name, account.mask, account.type, account.subtype) for account in body.accounts],
        )
        return ItemWritten(item=Item.model_validate(item), marked=marked(marks))

    return create(link, apart=True)


@bp.get("/items")
@bp.output(ItemsAnswer)
def list_items() -> ItemsAnswer:
    """The linked banks and how they are."""
    return ItemsAnswer(items=[Item.model_validate(item) for item in items.list_items(deps(), user_id())])


@bp.delete("/items/<uuid:item_id>")
@bp.output(WriteAnswer)
def delete_item(item_id: UUID) -> WriteAnswer:
    """Unlink a bank; its accounts and transactions go from the screen."""
    _, marks = items.unlink(deps(), user_id(), item_id)
    return WriteAnswer(marked=marked(marks))


@bp.post("/items/<uuid:item_id>/refresh")
@bp.output(Refreshed, 202)
def refresh_item(item_id: UUID) -> Refreshed:
    """Ask for news of a bank now; `asked`: the bank itself was asked, and what it has arrives in a while."""
    return Refreshed.model_validate(refresh.refresh_item(deps(), user_id(), item_id))


@bp.post("/items/<uuid:item_id>/repaired")
@bp.output(ItemWritten)
def repaired_item(item_id: UUID) -> ItemWritten:
    """After Link's update mode: the bank's sign-in works again, so it is pulled now. Safe twice."""
    item, marks = items.finish_update(deps(), user_id(), item_id)
    return ItemWritten(item=Item.model_validate(item), marked=marked(marks))
