"""What credit was spent on: usage by day, and a month's statement that adds up to the won."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from shared.credits.amounts import total
from shared.credits.errors import bad_month
from shared.credits.ledger.ledger import account_of
from shared.credits.ledger.statement_store import Payment, Usage, read_statement
from shared.platform.clock import day_of, first_moment
from shared.platform.database import Connection

BYTE_ORDER_MARK = "\ufeff"
"""Without it, Excel takes a CSV for CP949."""

_KINDS = {"topup": "충전", "refund": "환불", "adjustment": "조정"}
_CHANNELS = {
    "alimtalk": "알림톡",
    "sms": "SMS",
    "lms": "LMS",
    "mms": "MMS",
    "brand": "브랜드 메시지",
    "push": "푸시",
    "inapp": "앱 알림함",
    "email": "이메일",
    "kakao_me": "나에게 보내기",
}


@dataclass(frozen=True, slots=True)
class Month:
    """A month as Seoul counts it."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Month:
        """Read `2026-01`.

        Raises:
            CreditError: `bad_month`.
        """
        found = re.fullmatch(r"(20[0-9]{2})-(0[1-9]|1[0-2])", text, re.ASCII)
        if found is None:
            raise bad_month(text)
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, moment: dt.datetime) -> Month:
        """The month that `moment` falls in."""
        day = day_of(moment)
        return cls(day.year, day.month)

    @property
    def next(self) -> Month:
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    @property
    def start(self) -> dt.datetime:
        return first_moment(dt.date(self.year, self.number, 1))

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"


@dataclass(frozen=True, slots=True)
class ChannelCharge:
    """What was charged for a channel. `cost` is what its providers take, and `margin` what is left of `won`; both are
    None where a provider's price is unknown."""

    channel: str
    messages: int
    won: Decimal
    cost: Decimal | None
    margin: Decimal | None


@dataclass(frozen=True, slots=True)
class Statement:
    """A tenant's month. `opening` + `topups` - `refunds` + `adjustments` - `charged` = `closing`, in won.

    opening, closing: the balance at the month's first moment and at its end (or now), as the ledger has them.
    """

    tenant: str
    month: str
    opening: Decimal
    topups: Decimal
    refunds: Decimal
    adjustments: Decimal
    charged: Decimal
    closing: Decimal
    charges: tuple[ChannelCharge, ...]
    payments: tuple[Payment, ...]
    usage: tuple[Usage, ...]


async def monthly_statement(connection: Connection, tenant: str, month: Month) -> Statement:
    """A tenant's statement of a month, which may not be over yet, with what providers take: for operators.

    Raises:
        CreditError: `unknown_tenant`.
    """
    await account_of(connection, tenant)
    moved = await read_statement(connection, tenant, month.start, month.next.start)
    charges = _by_channel(moved.usage)
    return Statement(
        tenant=tenant,
        month=str(month),
        opening=moved.opening,
        topups=total(payment.won for payment in moved.payments if payment.kind == "topup"),
        refunds=-total(payment.won for payment in moved.payments if payment.kind == "refund"),
        adjustments=total(payment.won for payment in moved.payments if payment.kind == "adjustment"),
        charged=total(charge.won for charge in charges),
        closing=moved.closing,
        charges=charges,
        payments=moved.payments,
        usage=moved.usage,
    )


def as_csv(statement: Statement) -> str:
    """The statement for Excel and for the tenant, in Korean: what moved the balance by day, and the balance then."""
    text = io.StringIO()
    text.write(BYTE_ORDER_MARK)
    writer = csv.writer(text)
    writer.writerow(["날짜", "구분", "채널", "워크플로", "건수", "참조", "금액(원)", "잔액(원)"])
    balance = statement.opening
    writer.writerow(["", "이월 잔액", "", "", "", "", "", balance])
    lines: list[Payment | Usage] = [*statement.payments, *statement.usage]
    for line in sorted(lines, key=lambda line: line.day):
        if isinstance(line, Payment):
            balance += line.won
            writer.writerow([line.day, _KINDS[line.kind], "", "", "", _inert(line.reference or ""), line.won, balance])
        else:
            balance -= line.won
            writer.writerow(
                [
                    line.day,
                    "발송",
                    _CHANNELS.get(line.channel, line.channel),
                    _inert(line.workflow),
                    line.messages,
                    "",
                    -line.won,
                    balance,
                ]
            )
    writer.writerow(["", "마감 잔액", "", "", "", "", "", statement.closing])
    return text.getvalue()


def _by_channel(used: Sequence[Usage]) -> tuple[ChannelCharge, ...]:
    lines: dict[str, list[Usage]] = defaultdict(list)
    for line in used:
        lines[line.channel].append(line)
    return tuple(_charge(channel, lines[channel]) for channel in sorted(lines))


def _charge(channel: str, lines: Sequence[Usage]) -> ChannelCharge:
    won = total(line.won for line in lines)
    costs = [line.cost for line in lines if line.cost is not None]
    cost = total(costs) if len(costs) == len(lines) else None
    margin = None if cost is None else won - cost
    return ChannelCharge(channel, sum(line.messages for line in lines), won, cost, margin)


def _inert(text: str) -> str:
    """A spreadsheet runs a cell that begins like a formula; https://owasp.org/www-community/attacks/CSV_Injection."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
