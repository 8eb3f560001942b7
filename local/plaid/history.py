"""Generated histories: two years of an ordinary life in a checking, a savings and a card account.

Each day is drawn from the seed, the user and that day alone, so a history is the same however far back it is asked
for, and the next day adds rows without changing old ones. Card purchases post a day or two later and are pending
until then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from local.plaid import merchants
from local.plaid.merchants import Merchant
from local.plaid.rows import Row

CHECKING, SAVINGS, CARD = 0, 1, 2
DiceOf = Callable[..., Random]

_DAILY: tuple[tuple[float, Sequence[Merchant]], ...] = (
    (0.38, merchants.GROUPS["COFFEE"]),
    (0.30, merchants.GROUPS["LUNCH"]),
    (0.17, merchants.GROUPS["DINNER"]),
    (0.19, merchants.GROUPS["GROCERIES"]),
    (0.12, merchants.GROUPS["RIDES"]),
    (0.07, merchants.GROUPS["FUEL"]),
    (0.11, merchants.GROUPS["SHOPPING"]),
    (0.05, merchants.GROUPS["CARE"]),
    (0.05, merchants.GROUPS["FUN"]),
    (0.006, merchants.GROUPS["TRIPS"]),
)


def generate(dice_of: DiceOf, user: str, first: date, last: date) -> Iterator[Row]:
    """All rows of the days from first to last, oldest first; what is not posted by `last` is pending."""
    day = first
    while day <= last:
        dice = dice_of("history", user, day.isoformat())
        yield from _fixed(day, dice)
        yield from (_card(merchant, day, last, dice) for merchant in _visits(dice))
        if dice.random() < 0.012:
            yield _refund(day, dice)
        day += timedelta(days=1)


def _visits(dice: Random) -> list[Merchant]:
    """Where the card was used on a day: at least one coffee."""
    drawn = [dice.choice(choices) for chance, choices in _DAILY if dice.random() < chance]
    return drawn or [dice.choice(merchants.GROUPS["COFFEE"])]


def _card(merchant: Merchant, day: date, last: date, dice: Random) -> Row:
    posted = day + timedelta(days=dice.choice((1, 1, 2, 2, 3)))
    pending = posted > last
    return Row(
        CARD,
        merchant.amount(dice),
        merchant.description,
        day if pending else posted,
        day,
        pending=pending,
        posts_on=posted if pending else None,
        merchant=merchant.name,
        channel=merchant.channel,
    )


def _refund(day: date, dice: Random) -> Row:
    merchant = dice.choice(merchants.GROUPS["SHOPPING"])
    amount = -min(merchant.amount(dice), Decimal("60.00"))
    return Row(
        CARD, amount, merchant.description, day, day - timedelta(days=1), merchant=merchant.name, channel="online"
    )


def _fixed(day: date, dice: Random) -> Iterator[Row]:
    """What comes by the calendar: rent, salary, bills, subscriptions, the card's bill, savings."""
    yield from calendar_of(day, dice)
    if day.day == 25:
        bill = Decimal(dice.randint(90_000, 210_000)).scaleb(-2)
        yield Row(CHECKING, bill, "CREDIT CARD PAYMENT 3333", day, day)
        yield Row(CARD, -bill, "CREDIT CARD PAYMENT RECEIVED", day, day)
    if day.day == 16:
        yield Row(CHECKING, Decimal("250.00"), "AUTOMATIC SAVINGS TRANSFER", day, day)
        yield Row(SAVINGS, Decimal("-250.00"), "TRANSFER FROM CHECKING 0000", day, day)
    if dice.random() < 0.04:
        yield Row(CHECKING, Decimal(dice.choice((40, 60, 80, 100))), "ATM WITHDRAWAL 5TH & MAIN", day, day)


def calendar_of(day: date, dice: Random) -> Iterator[Row]:
    """What a day of the month brings every month: rent, salary, bills, subscriptions, interest."""
    for due, account, amount, text, merchant in _calendar(dice):
        if day.day == due:
            yield Row(account, amount, text, day, day, merchant=merchant, channel="online" if merchant else "other")


def _calendar(dice: Random) -> tuple[tuple[int, int, Decimal, str, str | None], ...]:
    power = Decimal(dice.randint(5400, 12800)).scaleb(-2)
    interest = -Decimal(dice.randint(310, 540)).scaleb(-2)
    return (
        (1, CHECKING, Decimal("1850.00"), "BAYVIEW APARTMENTS RENT", None),
        (3, CHECKING, power, "PG&E ELECTRIC BILL", "PG&E"),
        (5, CHECKING, Decimal("64.99"), "COMCAST INTERNET", "Comcast"),
        (8, CARD, Decimal("45.00"), "T-MOBILE AUTOPAY", "T-Mobile"),
        (11, CARD, Decimal("15.49"), "NETFLIX.COM", "Netflix"),
        (14, CARD, Decimal("10.99"), "SPOTIFY USA", "Spotify"),
        (15, CHECKING, Decimal("-2480.55"), "HARBOR LABS PAYROLL", None),
        (18, CARD, Decimal("59.00"), "TOUCHSTONE CLIMBING GYM", "Touchstone Climbing"),
        (20, CHECKING, Decimal("118.40"), "GEICO AUTO INSURANCE", "GEICO"),
        (28, CHECKING, Decimal("-2480.55"), "HARBOR LABS PAYROLL", None),
        (28, SAVINGS, interest, "INTEREST EARNED", None),
    )
