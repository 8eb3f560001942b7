"""Account types and subtypes that Plaid documents; a custom user may name these and no others."""

from __future__ import annotations

TYPES = ("depository", "credit", "loan", "investment", "brokerage", "payroll", "other")

SUBTYPES = (
    "401a", "401k", "403B", "457b", "529", "auto", "brokerage", "business", "cash isa", "cash management", "cd",
    "checking", "commercial", "commercial line of credit", "construction", "consumer", "credit card",
    "crypto exchange", "ebt", "education savings account", "fhsa", "fixed annuity", "gic",
    "health reimbursement arrangement", "home equity", "home equity loan", "hsa", "isa", "ira", "keogh", "lif",
    "life insurance", "limited purpose checking", "line of credit", "lira", "loan", "lrif", "lrsp", "money market",
    "mortgage", "mutual fund", "non-custodial wallet", "non-taxable brokerage account", "other", "other insurance",
    "other annuity", "overdraft", "paypal", "payroll", "pension", "prediction market", "prepaid", "prif",
    "profit sharing plan", "qshr", "rdsp", "resp", "retirement", "rlif", "roth", "roth 401k", "roth 403B",
    "roth 457b", "roth pension", "roth profit sharing plan", "roth thrift savings plan", "rrif", "rrsp", "sarsep",
    "savings", "sep ira", "simple ira", "sipp", "stock plan", "student", "thrift savings plan", "tfsa", "trust",
    "ugma", "utma", "variable annuity",
)  # fmt: skip
_BY_CASE = {name.casefold(): name for name in SUBTYPES}
DEFAULTS = {"depository": "checking", "credit": "credit card", "loan": "loan", "investment": "brokerage"}


def subtype(name: str) -> str | None:
    """The documented spelling of a subtype, or None when there is no such subtype."""
    return _BY_CASE.get(name.casefold())
