"""The admin API below /_local: what a person at the bank, or a test, may do that Plaid's API does not offer.

Never part of Plaid; docs/local-plaid.md lists it. Bodies are as strict as Plaid's. Each call is one transaction of
the store. An item is named by `item_id`, or by `user` (a client_user_id): that user's newest linked, living item.
"""

from __future__ import annotations

from local.plaid import controls, desk, desk_items, link, link_tokens, oauth, replay, views
from local.plaid.admin_call import NOTIFY, WHERE, Admin, Table, word
from local.plaid.fields import Shape, anything, each, flag, optional, required, text, url

_token: Shape = {"link_token": required(word)}
_state: Shape = {"oauth_state_id": required(word)}
_credentials: Shape = {
    **_token,
    "institution_id": optional(word),
    "username": optional(word),
    "password": optional(text()),
    "oauth_state_id": optional(word),
}

ADMIN: Table = {
    **desk.TABLE,
    **desk_items.TABLE,
    **controls.TABLE,
    ("POST", "/_local/replay"): Admin(
        {
            **WHERE,
            **NOTIFY,
            "pages": required(each(anything)),
            "cursor": optional(text()),
            "append": optional(flag),
        },
        replay.load,
    ),
    ("GET", "/_local/items"): Admin({}, views.list_items),
    ("GET", "/_local/requests"): Admin({}, views.list_requests),
    ("GET", "/_local/webhooks"): Admin({}, views.list_webhooks),
    ("GET", "/_local/health"): Admin({}, views.health),
    ("POST", "/_local/link/session"): Admin(_token, link.session),
    ("POST", "/_local/link/preview"): Admin(_credentials, link.preview),
    ("POST", "/_local/link/connect"): Admin({**_credentials, "accounts": optional(each(word))}, link.connect),
    ("POST", "/_local/link/event"): Admin(
        {**_token, "name": required(word), "metadata": optional(anything)}, link.note_event
    ),
    ("POST", "/_local/link/exit"): Admin(
        {**_token, "error_code": optional(word), "status": optional(word, nullable=True)}, link.leave
    ),
    ("POST", "/_local/link/hosted"): Admin({"id": required(word)}, link_tokens.hosted),
    ("POST", "/_local/oauth/start"): Admin(
        {**_token, "institution_id": required(word), "return_to": optional(url)}, oauth.start
    ),
    ("POST", "/_local/oauth/show"): Admin(_state, oauth.show),
    ("POST", "/_local/oauth/decide"): Admin(
        {**_state, "consent": required(flag), "username": optional(word), "password": optional(text())}, oauth.decide
    ),
    ("POST", "/_local/oauth/state"): Admin(_state, oauth.state),
}
