"""Who may do what: the table that the rules file is held to, and the requests that try each of its cells.

`u1` owns the documents, and is a member of the household `h1`, not of `h2`. A cell that is not named here is a denial.
"""

from __future__ import annotations

from dataclasses import dataclass

OWNER, OTHER = "u1", "u2"


def claims(uid: str, provider: str) -> dict[str, object]:
    """The claims of an ID token as local auth issues them."""
    return {"sub": uid, "user_id": uid, "firebase": {"sign_in_provider": provider, "identities": {}}}


# Each kind of caller with their claims; None has no token. The admin passes no rules and is not in here.
CALLERS: dict[str, dict[str, object] | None] = {
    "owner (password)": {**claims(OWNER, "password"), "email": "ann@example.com", "email_verified": False},
    "owner (custom token)": claims(OWNER, "custom"),
    "other user": {**claims(OTHER, "password"), "email": "bob@example.com", "email_verified": True},
    "other user claiming to be admin": {**claims(OTHER, "custom"), "admin": True, "role": "admin", "owner": OWNER},
    "other user naming the owner": {**claims(OTHER, "password"), "uid": OWNER, "auth": {"uid": OWNER}},
    "guest (anonymous sign-in)": claims(OTHER, "anonymous"),
    "guest with the owner's id": claims(OWNER, "anonymous"),
    "token without a provider": {"sub": OWNER, "user_id": OWNER},
    "unauthenticated": None,
}
OWNERS = frozenset({"owner (password)", "owner (custom token)"})

DOCUMENTS: dict[str, dict[str, object]] = {
    "users/u1": {"displayName": "Ann"},
    "users/u1/transactions/t1": {"month": "2026-11", "date": "2026-11-03", "categoryId": "RENT", "owner": "u1"},
    "users/u1/months/2026-11": {"month": "2026-11"},
    "users/u1/accounts/a1": {"name": "Checking"},
    "users/u1/items/i1": {"status": "ok"},
    "users/u1/imports/i1": {"phase": "fetching"},
    "users/u1/recurring/r1": {"direction": "out"},
    "users/u1/categories/c1": {"name": "Coffee"},
    "users/u1/budgets/b1": {"categoryId": "c1"},
    "users/u1/intents/n1": {"kind": "set-category"},
    "users/u1/receipts/r1": {"outcome": "applied"},
    "users/u1/secrets/s1": {"token": "x"},
    "users/u1/transactions/t1/notes/n1": {"text": "x"},
    "users/u1/months/2026-11/days/1": {"spend": 1},
    "users/u1/accounts/a1/deeper/d1": {"x": 1},
    "users/u1/items/i1/deeper/d1": {"x": 1},
    "users/u1/imports/i1/deeper/d1": {"x": 1},
    "users/u1/recurring/r1/deeper/d1": {"x": 1},
    "users/u1/categories/c1/deeper/d1": {"x": 1},
    "users/u1/budgets/b1/deeper/d1": {"x": 1},
    "users/u1/receipts/r1/deeper/d1": {"x": 1},
    "users/u1/intents/n1/deeper/d1": {"x": 1},
    "households/h1": {"name": "Home"},
    "households/h1/members/u1": {"role": "owner"},
    "households/h1/transactions/t1": {"month": "2026-11", "date": "2026-11-03", "categoryId": "RENT", "owner": "u1"},
    "households/h1/months/2026-11": {"month": "2026-11"},
    "households/h1/categories/c1": {"name": "Coffee"},
    "households/h1/budgets/b1": {"categoryId": "c1"},
    "households/h1/secrets/s1": {"token": "x"},
    "households/h1/transactions/t1/notes/n1": {"text": "x"},
    "households/h1/members/u1/deeper/d1": {"x": 1},
    "households/h1/months/2026-11/deeper/d1": {"x": 1},
    "households/h1/categories/c1/deeper/d1": {"x": 1},
    "households/h1/budgets/b1/deeper/d1": {"x": 1},
    "households/h2": {"name": "Next door", "owner": "u1"},
    "households/h2/members/u3": {"role": "owner", "owner": "u1"},
    "households/h2/transactions/t1": {"month": "2026-11", "date": "2026-11-03", "categoryId": "RENT", "owner": "u1"},
    "households/h2/months/2026-11": {"month": "2026-11"},
    "households/h2/categories/c1": {"name": "Coffee"},
    "households/h2/budgets/b1": {"categoryId": "c1"},
    "_sync/u1": {"revision": 1},
    "elsewhere/x1": {"owner": "u1"},
}
LISTS = ("list 100", "list 101", "list 500", "list 501")
READING = frozenset({"get", *LISTS, "list", "count", "month", "category", "offset"})
CAPPED = READING - {"list", "list 501", "count"}
# What the owner may do; everybody else may do nothing at all.
ALLOWED: dict[str, frozenset[str]] = {
    "users/u1": frozenset({"get"}),
    "users/u1/transactions/t1": CAPPED,
    "users/u1/months/2026-11": READING,
    "users/u1/accounts/a1": READING,
    "users/u1/items/i1": READING,
    "users/u1/imports/i1": READING,
    "users/u1/recurring/r1": READING,
    "users/u1/categories/c1": READING,
    "users/u1/budgets/b1": READING,
    "users/u1/receipts/r1": frozenset({"get", "list 100", "category"}),
    "users/u1/intents/n1": frozenset({"get"}),
    "households/h1": frozenset({"get"}),
    "households/h1/members/u1": READING,
    "households/h1/transactions/t1": CAPPED,
    "households/h1/months/2026-11": READING,
    "households/h1/categories/c1": READING,
    "households/h1/budgets/b1": READING,
}


@dataclass(frozen=True)
class Listing:
    """A query as an operation of the table."""

    limit: int | None = None
    offset: int = 0
    where: tuple[tuple[str, str, object], ...] = ()
    order: tuple[tuple[str, str], ...] = ()
    group: bool = False


LISTINGS: dict[str, Listing] = {
    "list 100": Listing(100),
    "list 101": Listing(101),
    "list 500": Listing(500),
    "list 501": Listing(501),
    "list": Listing(),
    "count": Listing(),
    "month": Listing(500, where=(("month", "==", "2026-11"),), order=(("date", "DESC"),)),
    "category": Listing(50, where=(("categoryId", "==", "RENT"),), order=(("date", "DESC"),)),
    "offset": Listing(500, offset=1000),
    "group": Listing(500, group=True),
    "group owned": Listing(500, where=(("owner", "==", "u1"),), group=True),
}
WRITES = ("create", "create anew", "set", "update", "delete")
OPERATIONS = ("get", "get missing", *LISTINGS, *WRITES)


def expected(caller: str, path: str) -> dict[str, str]:
    """The row of the table: every operation with its verdict."""
    may = ALLOWED.get(path, frozenset()) if caller in OWNERS else frozenset()
    may = may | {"get missing"} if "get" in may and path.count("/") > 1 else may  # not of other people's heads
    return {operation: "ALLOW" if operation in may else "DENY" for operation in OPERATIONS}


def sibling(path: str) -> str:
    """A document beside `path` that does not exist."""
    return f"{path.rpartition('/')[0]}/nothing-here"


def collection(path: str, listing: Listing) -> str:
    """What a query asks: the collection, or for a group only its id."""
    parent = path.rpartition("/")[0]
    return parent.rpartition("/")[2] if listing.group else parent
