"""The banks of Plaid's Sandbox, by their real ids and names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Institution:
    """One bank; `fails_with` is the error that linking it always ends in."""

    id: str
    name: str
    country: str = "US"
    oauth: bool = False
    color: str = "#1f1f1f"
    fails_with: str | None = None

    def as_json(self, *, with_metadata: bool = False) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "institution_id": self.id,
            "name": self.name,
            "products": ["transactions"],
            "country_codes": [self.country],
            "routing_numbers": [],
            "oauth": self.oauth,
            "connection_availability": "NOT_SUPPORTED" if self.fails_with else "SUPPORTED",
        }
        if with_metadata:
            shown |= {"url": None, "primary_color": self.color, "logo": None}
        return shown


# The banks whose accounts carry a persistent_account_id.
PERSISTENT = ("ins_56", "ins_13", "ins_127990", "ins_127287")
ALL: dict[str, Institution] = {
    bank.id: bank
    for bank in (
        Institution("ins_109508", "First Platypus Bank", color="#1f6f6b"),
        Institution("ins_109509", "First Gingham Credit Union", color="#a23b4a"),
        Institution("ins_109510", "Tattersall Federal Credit Union", color="#2f5fa7"),
        Institution("ins_109511", "Tartan Bank", color="#7b4fa0"),
        Institution("ins_109512", "Houndstooth Bank", color="#33373d"),
        Institution("ins_43", "Tartan-Dominion Bank of Canada", country="CA", color="#8c3b2a"),
        Institution("ins_116834", "The Royal Bank of Plaid", country="GB", color="#25408f"),
        Institution("ins_117650", "Royal Bank of Plaid (UK, alternate)", country="GB", color="#25408f"),
        Institution("ins_127287", "Platypus OAuth Bank", oauth=True, color="#1f6f6b"),
        Institution("ins_56", "Chase", oauth=True, color="#1a5aa8"),
        Institution("ins_13", "PNC", oauth=True, color="#c8641e"),
        Institution("ins_127990", "U.S. Bank", oauth=True, color="#27408b"),
        Institution("ins_130016", "First Platypus Balance Bank", color="#1f6f6b"),
        Institution("ins_132363", "Unhealthy Platypus Bank - Degraded", color="#8a6d1c"),
        Institution("ins_132361", "Unhealthy Platypus Bank - Down", color="#8a1c1c", fails_with="INSTITUTION_DOWN"),
        Institution(
            "ins_133402", "Unsupported Platypus Bank", color="#5a5a5a", fails_with="INSTITUTION_NO_LONGER_SUPPORTED"
        ),
    )
}
