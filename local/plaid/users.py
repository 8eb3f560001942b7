"""Who signs in at the bank: user names and passwords of the Sandbox, and what each of them owns there.

Resolving a user writes nothing: the caller creates the item from the answer, or lets the error pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from local.plaid import custom_user, history, merchants, personas
from local.plaid.custom_fields import Unreadable
from local.plaid.custom_user import Account, CustomUser
from local.plaid.errors import KINDS, PlaidError
from local.plaid.institutions import Institution
from local.plaid.rows import Row

GOOD, DYNAMIC, CUSTOM, THOUSANDS = "user_good", "user_transactions_dynamic", "user_custom", "user_thousands"
_NOT_BUILT = ("user_bank_income", "user_prism_1")
_DYNAMIC_ROWS, _DYNAMIC_DAYS, _DYNAMIC_PENDING_DAYS = 50, 29, 2
_MOST_WARNINGS = 20
_NUMBER = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)

_ACCOUNTS = [
    Account(
        "depository", "checking", "Everyday Checking", "Platypus Everyday Checking Account", "0000",
        Decimal("3110.42"), Decimal("3010.42"), None, "USD",
    ),
    Account(
        "depository", "savings", "Rainy Day Savings", "Platypus Rainy Day Savings Account", "1111",
        Decimal("8210.00"), Decimal("8210.00"), None, "USD",
    ),
    Account(
        "credit", "credit card", "Reef Card", "Platypus Reef Rewards Card", "3333",
        Decimal("1240.18"), Decimal("3759.82"), Decimal("5000"), "USD",
    ),
]  # fmt: skip


@dataclass(frozen=True)
class Profile:
    """Everything that a signed-in user owns at the bank; `many` asks for that many generated rows besides;
    `life` is whose days are generated, as far back as asked and on from there."""

    accounts: list[Account]
    rows: list[Row]
    warnings: list[str] = field(default_factory=list)
    many: int = 0
    life: str | None = None


def sign_in(
    bank: Institution, username: str, password: str, *, today: date, days: int, dice_of: Callable[..., Random]
) -> Profile:
    """Answers what the user owns, generated rows from the last `days` days; raises PlaidError as the bank would."""
    if bank.fails_with:
        raise PlaidError(bank.fails_with)
    if username in _NOT_BUILT:
        raise PlaidError("UNIMPLEMENTED", f"the persona {username} is not part of the stand-in")
    check_password(username, password)
    if bank.oauth and username != GOOD:
        raise PlaidError("INVALID_CREDENTIALS", f"{username} needs a bank without OAuth, such as ins_109508")
    if username == CUSTOM:
        return _custom(password, today, days, dice_of)
    if username == THOUSANDS:
        return Profile([_ACCOUNTS[history.CHECKING], _ACCOUNTS[history.CARD]], [], many=int(password))
    if username in personas.NAMES:
        first = today - timedelta(days=min(days, personas.DAYS))
        rows = list(personas.history(dice_of, username, first, today))
        return Profile(personas.accounts(username), sorted(rows, key=lambda row: row.date), life=username)
    return _dynamic(today, dice_of) if username == DYNAMIC else _good(GOOD, today, days, dice_of)


def check_password(username: str, password: str) -> None:
    """Raises the error that this pair of credentials means, if any."""
    if username not in (GOOD, DYNAMIC, CUSTOM, THOUSANDS, *personas.NAMES):
        raise PlaidError("INVALID_CREDENTIALS")
    if password.startswith("error_"):
        code = password.removeprefix("error_")
        raise PlaidError(code if code in KINDS else "INVALID_CREDENTIALS")
    blank = not password.strip() and username != CUSTOM
    wrong_number = username == THOUSANDS and not _NUMBER.fullmatch(password)
    if blank or wrong_number or (username == GOOD and password != "pass_good"):
        raise PlaidError("INVALID_CREDENTIALS")


def _good(user: str, today: date, days: int, dice_of: Callable[..., Random]) -> Profile:
    rows = list(history.generate(dice_of, user, today - timedelta(days=days), today))
    return Profile(_ACCOUNTS, sorted(rows, key=lambda row: row.date), life=user)


def _custom(password: str, today: date, days: int, dice_of: Callable[..., Random]) -> Profile:
    user = _read(password, today)
    if user.force_error:
        raise PlaidError(user.force_error)
    warnings = list(dict.fromkeys(user.warnings))[:_MOST_WARNINGS]
    if user.accounts is None:
        return replace(_good(f"custom {user.seed or ''}", today, days, dice_of), warnings=warnings)
    return Profile(user.accounts, sorted(user.rows, key=lambda row: row.date), warnings)


def _read(password: str, today: date) -> CustomUser:
    try:
        return custom_user.read(password, today)
    except Unreadable as error:
        raise PlaidError("INVALID_CREDENTIALS", f"user_custom: {error}") from error


def _dynamic(today: date, dice_of: Callable[..., Random]) -> Profile:
    """About a month of rows, the youngest pending; a third of the amounts carry more than two decimals."""
    dice = dice_of("dynamic", today.isoformat())
    rows = []
    for number in range(_DYNAMIC_ROWS):
        day = today - timedelta(days=_DYNAMIC_DAYS * (_DYNAMIC_ROWS - 1 - number) // (_DYNAMIC_ROWS - 1))
        pending = (today - day).days < _DYNAMIC_PENDING_DAYS
        rows.append(dynamic_row(dice, day, pending=pending))
    return Profile(_ACCOUNTS, rows)


def dynamic_row(dice: Random, day: date, *, pending: bool) -> Row:
    """One believable purchase of the dynamic user, in checking or on the card."""
    merchant = dice.choice(merchants.EVERYDAY)
    amount = merchant.amount(dice)
    if dice.random() < 0.33:
        amount += Decimal(dice.randint(1, 99_999)).scaleb(-7)
    account = dice.choice((history.CHECKING, history.CARD))
    return Row(
        account,
        amount,
        merchant.description,
        day,
        day - timedelta(days=dice.choice((0, 0, 1))),
        pending=pending,
        merchant=merchant.name,
        channel=merchant.channel,
    )
