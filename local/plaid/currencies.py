"""Currency codes: ISO 4217 codes in use go into iso_currency_code, any other into unofficial_currency_code."""

from __future__ import annotations

import re

ISO = frozenset(
    """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
    CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG
    HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA
    MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD
    RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
    USD UYU UZS VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
    """.split()
)
_CODE = re.compile(r"[A-Z0-9]{2,10}")


def is_code(text: str) -> bool:
    """Whether a text can be a currency code, official or not, in upper case."""
    return _CODE.fullmatch(text) is not None


def codes(currency: str) -> tuple[str | None, str | None]:
    """Splits a code into (iso_currency_code, unofficial_currency_code); exactly one of them is set."""
    return (currency, None) if currency in ISO else (None, currency)
