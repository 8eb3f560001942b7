"""A bank that serves ready pages, its own process: `python -m bench.page_bank PORT`.

It answers /transactions/sync with rows of Plaid's whole shape (about 1.2 kB each), as many as the access token says:
`access-<name>-<rows>-<months>`. A page is made once and kept, so that the bank is not what is measured. The key that
webhooks are signed with is there, too.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bench.signed import public_key

_NAME = "@@name@@"
_CATEGORIES = {
    "FOOD_AND_DRINK": "FOOD_AND_DRINK_COFFEE",
    "TRAVEL": "TRAVEL_FLIGHTS",
    "MEDICAL": "MEDICAL_DENTAL_CARE",
    "GENERAL_MERCHANDISE": "GENERAL_MERCHANDISE_SUPERSTORES",
}


def token(name: str, rows: int, months: int = 24) -> str:
    """The access token of an item with so many rows, spread over so many months, the newest first."""
    return f"access-{name}-{rows}-{months}"


def row(name: str, number: int, rows: int, months: int) -> dict[str, Any]:
    """One transaction as Plaid tells it, every key there."""
    back = number * months // rows
    month = 2026 * 12 + 10 - back
    date = f"{month // 12}-{month % 12 + 1:02}-{number % 28 + 1:02}"
    primary, detailed = tuple(_CATEGORIES.items())[number % 4]
    return {
        "transaction_id": f"tx{name}{number:08}abcdefghijklmnopqrs",
        "account_id": f"acc-{name}-abcdefghijklmnopqrstuvwxyz",
        "amount": (number * 37 % 20000) / 100,
        "iso_currency_code": "USD",
        "unofficial_currency_code": None,
        "date": date,
        "authorized_date": date,
        "datetime": None,
        "authorized_datetime": None,
        "pending": False,
        "pending_transaction_id": None,
        "name": f"CORNER ESPRESSO #{number % 97} SEATTLE WA",
        "merchant_name": f"Corner Espresso {number % 97}",
        "merchant_entity_id": f"ent{number % 97:04}abcdefghijklmnop",
        "logo_url": "https://plaid-merchant-logos.plaid.com/corner_espresso_1.png",
        "website": "cornerespresso.example",
        "payment_channel": "in store",
        "transaction_code": None,
        "transaction_type": "place",
        "account_owner": None,
        "check_number": None,
        "category": None,
        "category_id": None,
        "location": {
            "address": f"{number % 999} Pine St", "city": "Seattle", "region": "WA", "postal_code": "98101",
            "country": "US", "lat": 47.61, "lon": -122.33, "store_number": str(number % 97),
        },
        "payment_meta": {
            "reference_number": None, "ppd_id": None, "payee": None, "by_order_of": None, "payer": None,
            "payment_method": None, "payment_processor": None, "reason": None,
        },
        "personal_finance_category": {
            "primary": primary, "detailed": detailed, "confidence_level": "VERY_HIGH", "version": "v2",
        },
        "personal_finance_category_icon_url": f"https://plaid-category-icons.plaid.com/PFC_{primary}.png",
        "counterparties": [{
            "name": "Corner Espresso", "type": "merchant", "website": "cornerespresso.example", "logo_url": None,
            "entity_id": f"ent{number % 97:04}abcdefghijklmnop", "confidence_level": "VERY_HIGH",
        }],
    }  # fmt: skip


def page(asked: dict[str, Any]) -> bytes:
    """The page after the cursor, of the size asked for; the same page of another item costs next to nothing."""
    _, name, rows, months = asked["access_token"].split("-")
    body = _page(int(rows), int(months), int(asked.get("cursor") or 0), asked.get("count", 100))
    return body.replace(_NAME.encode(), name.encode())


@cache
def _page(rows: int, months: int, first: int, size: int) -> bytes:
    name, last = _NAME, min(first + size, rows)
    account = {
        "account_id": f"acc-{name}-abcdefghijklmnopqrstuvwxyz", "name": "Checking", "official_name": None,
        "mask": "0000", "type": "depository", "subtype": "checking",
        "balances": {"available": 100, "current": 110.5, "limit": None, "iso_currency_code": "USD",
                     "unofficial_currency_code": None},
    }  # fmt: skip
    added = [row(name, number, rows, months) for number in range(first, last)]
    told = {
        "transactions_update_status": "HISTORICAL_UPDATE_COMPLETE", "accounts": [account] if added else [],
        "added": added, "modified": [], "removed": [], "next_cursor": str(last), "has_more": last < rows,
        "request_id": f"r{first}",
    }  # fmt: skip
    return json.dumps(told).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({"key": public_key(), "request_id": "r"}).encode() if "key_id" in asked else page(asked)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stays quiet."""


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), _Handler)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
