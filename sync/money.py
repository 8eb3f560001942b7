"""Money on its way out of the ledger: exact text, and whole minor units for screens that compute with integers.

The ledger's numeric(28,10) arrives as Decimal and stays exact in the text; minor units are rounded half away from
zero once, after summing. A currency's digits follow ISO 4217; an unofficial currency has none. Pure functions.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import cache, reduce

_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)


# ISO 4217 table A.1, every currency whose minor unit is not two digits. Unicode's own list (CLDR, in babel) counts
# digits in daily use instead: 0 for IQD, where ISO says 3.
_DIGITS_OF = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_DIGITS = {code: count for count, codes in _DIGITS_OF.items() for code in codes.split()}
_NO_CURRENCY = {"XXX", "XTS"}


@cache
def currencies() -> frozenset[str]:
    """The known ISO 4217 codes, past ones included."""
    from babel.core import get_global

    return frozenset(get_global("all_currencies")) - _NO_CURRENCY


def digits(currency: str) -> int:
    """How many decimals the currency has (USD 2, JPY 0, KWD 3)."""
    return _DIGITS.get(currency, 2)


def minor(amount: Decimal, currency: str) -> int:
    """The amount in whole minor units, rounded half away from zero."""
    return int(amount.scaleb(digits(currency), _EXACT).to_integral_value(ROUND_HALF_UP, _EXACT))


def added(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum; Python's own rounds to 28 digits, which two of the ledger's amounts may exceed."""
    return reduce(_EXACT.add, amounts, Decimal(0))


def exact(amount: Decimal) -> str:
    """The amount as plain decimal text, without exponent and without trailing zeros: "10.021521", "12", "-0.5"."""
    if amount == 0:
        return "0"
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
