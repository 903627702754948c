"""The provider itself: groups are filled, sent once, scheduled, cancelled and deleted.

The states and error codes are those of https://github.com/solapi/documents, api-reference/message-api-v4.
"""

import asyncio
from datetime import datetime
from itertools import chain, count
from typing import Any

from simulator.accepted import AcceptedList
from simulator.clock import KST, Clock
from simulator.solapi.accounts import AccountSpec, account_view, register
from simulator.solapi.errors import SolapiError, invalid, not_found
from simulator.solapi.model import Account, Group, Message, won
from simulator.solapi.sending.brand import is_open
from simulator.solapi.sending.codes import ACCEPTED, CLOSED, STATUS_MESSAGES, is_final, is_refusal
from simulator.solapi.sending.delivery import Delivery
from simulator.solapi.sending.intake import BRAND_TYPES, Refusal, judge, message_type, recipients

MOST_A_REQUEST = 10_000
MOST_A_GROUP = 1_000_000
_SIX_MONTHS = 183 * 24 * 3600
_SCHEDULE_POLL = 0.05


class Solapi:
    """All accounts and what they have in the air."""

    name = "solapi"
    spec = AccountSpec

    def __init__(self, clock: Clock, accepted: AcceptedList, delivery: Delivery) -> None:
        self.clock = clock
        self.accounts: dict[str, Account] = {}
        self.delivery = delivery
        self._accepted = accepted
        self._serial = count(1)
        self._scheduled: set[Group] = set()
        self._scheduler: asyncio.Task[None] | None = None

    def register(self, spec: Any) -> dict[str, Any]:
        """Add an account or change one. Gives it without its secrets."""
        return account_view(register(self.accounts, spec, self.clock()))

    def views(self) -> list[dict[str, Any]]:
        """Every account, without its secrets."""
        return [account_view(account) for account in self.accounts.values()]

    def report(self, code: str, message_id: str | None, to: str | None, *, own: bool) -> int | None:
        """Let the carrier say something of one message, or of all to a number that have no final status yet.

        Returns:
            Of how many; None where an accepted message can have no such status.
        """
        if code not in STATUS_MESSAGES or is_refusal(code):
            return None
        if message_id is not None:
            named = [account.by_id[message_id] for account in self.accounts.values() if message_id in account.by_id]
        else:
            all_messages = chain.from_iterable(account.messages for account in self.accounts.values())
            named = [each for each in all_messages if each.to == to and not is_final(each.status_code)]
        found = [message for message in named if message.is_sent]
        for message in found:
            self.delivery.conclude(message, code)
        return len(found)

    def new_id(self, prefix: str) -> str:
        """An id such as G4V20211116140940000000000000001: a prefix, Korean time, a number."""
        return f"{prefix}{self._stamp(self.clock())}{next(self._serial):015d}"

    def new_file_id(self) -> str:
        """An id of 32 characters, for a longer one is refused where a picture is named."""
        return f"ST01FP{self._stamp(self.clock())}{next(self._serial):012d}"

    def create_group(self, account: Account, options: dict[str, Any]) -> Group:
        """An empty group.

        Args:
            account: whose it is.
            options: the request's allowDuplicates, appId, sdkVersion, osPlatform and customFields.
        """
        now = self.clock()
        group = Group(
            group_id=self.new_id("G4V"),
            account=account,
            allow_duplicates=bool(options.get("allowDuplicates")),
            created=now,
            updated=now,
            app_id=options.get("appId"),
            sdk_version=options.get("sdkVersion"),
            os_platform=options.get("osPlatform"),
            custom_fields=options.get("customFields") or {},
        )
        group.note(now, "메시지 그룹이 생성되었습니다.")
        account.groups[group.group_id] = group
        return group

    def group(self, account: Account, group_id: str) -> Group:
        """A group of an account.

        Raises:
            SolapiError: 404 ResourceNotFound.
        """
        group = account.groups.get(group_id)
        if group is None:
            raise not_found("해당 그룹아이디가 존재하지 않습니다.")
        return group

    def add(self, group: Group, raws: object) -> list[Message]:
        """Put messages into a group that is not sent yet. Nothing is charged.

        Returns:
            A message for each recipient, in order; a refused one has a 1xxx status code and is never sent.

        Raises:
            SolapiError: 400 ValidationError or InvalidGroupStatus, 413 RecipientsTooMany.
        """
        if group.status != "PENDING":
            raise SolapiError(400, "InvalidGroupStatus", "처리가 가능한 그룹이 아닙니다.")
        if not isinstance(raws, list) or not raws:
            raise invalid("messages 의 데이터 타입은 배열이어야 됩니다.")
        if not all(isinstance(raw, dict) for raw in raws):
            raise invalid("messages 의 항목은 object 이어야 됩니다.")
        entries = [(raw, to) for raw in raws for to in recipients(raw)]
        if len(entries) > MOST_A_REQUEST:
            raise SolapiError(413, "RecipientsTooMany", "한 번에 추가할 수 있는 수신번호는 최대 10000건 입니다.")
        if len(group.messages) + len(entries) > MOST_A_GROUP:
            raise SolapiError(413, "RecipientsTooMany", "그룹에 추가할 수 있는 메시지는 최대 1000000건 입니다.")
        return self._take_in(group, entries)

    def _take_in(self, group: Group, entries: list[tuple[dict[str, Any], Any]]) -> list[Message]:
        account, now = group.account, self.clock()
        prefix, serial, seq = "M4V" + self._stamp(now), self._serial, len(account.messages)
        taken: list[Message] = []
        for raw, to in entries:
            code = outcome = ACCEPTED
            try:
                kind, text, outcome = judge(account, raw, to)
                if not group.allow_duplicates and to in group.recipients:
                    raise Refusal("1026")
                group.recipients.add(to)
                group.types[kind] += 1
            except Refusal as refusal:
                code, kind, text = refusal.code, _type_of_refused(raw), str(raw.get("text") or "")
                group.refused += 1
            message_id = f"{prefix}{next(serial):015d}"
            message = Message(message_id, group, raw, to, kind, text, code, outcome, now, now, seq)
            seq += 1
            taken.append(message)
            account.by_id[message_id] = message
        account.messages += taken
        group.messages += taken
        group.note(now, f"메시지 {len(taken)} 건이 추가되었습니다.")
        return taken

    def send(self, group: Group) -> None:
        """Charge a group and send it. This can happen once in the life of a group.

        Raises:
            SolapiError: 409 GroupInProcessing, AlreadySent or ScheduledGroup, 400 DeletedGroup or FailedGroup,
                402 NotEnoughBalance, and 400 EmptyGroup (that code is not documented) without any accepted message.
        """
        _require_sendable(group)
        self._send(group)

    def _send(self, group: Group) -> None:
        account, now = group.account, self.clock()
        if not group.accepted:
            raise SolapiError(400, "EmptyGroup", "발송할 수 있는 메시지가 없습니다.")
        prices = {kind: account.price(kind) for kind in group.types}
        total = sum(prices[kind] * number for kind, number in group.types.items())
        if total > account.balance:
            raise SolapiError(402, "NotEnoughBalance", "현재보유 잔액이 부족합니다.")
        old = account.balance
        account.balance -= total
        group.charged_sum = total
        group.status, group.sent = "SENDING", now
        group.note(
            now, "메시지를 발송했습니다.", oldBalance=won(old), newBalance=won(old - total), totalPrice=won(total)
        )
        messages = group.sendable()
        for message in messages:
            message.paid = prices[message.type]
            if message.type in BRAND_TYPES and not is_open(now):
                message.outcome = CLOSED
        self._accepted.add(messages)
        self.delivery.start(group, messages)

    def schedule(self, group: Group, moment: float) -> None:
        """Send a group at a time; at once if the time is past. The balance is charged then.

        Args:
            group: a pending group.
            moment: seconds since the epoch, at most six months ahead.

        Raises:
            SolapiError: as `send`, and 400 InvalidScheduledDate.
        """
        now = self.clock()
        if moment - now > _SIX_MONTHS:
            reason = "발송 예정일이 6개월을 초과하여 발송 예약에 실패하였습니다."
            group.note(now, reason)
            raise SolapiError(400, "InvalidScheduledDate", reason)
        _require_sendable(group)
        group.scheduled = moment
        if moment <= now:
            self._send(group)
            return
        group.status = "SCHEDULED"
        group.note(now, "메시지 예약이 성공적으로 접수됐습니다.")
        self._scheduled.add(group)
        if self._scheduler is None or self._scheduler.done():
            self._scheduler = asyncio.get_running_loop().create_task(self._send_scheduled())

    def cancel_schedule(self, group: Group) -> None:
        """Cancel what is scheduled: the group has failed, and can't be sent any more.

        Raises:
            SolapiError: 400 InvalidStatus.
        """
        if group.status != "SCHEDULED":
            raise SolapiError(400, "InvalidStatus", "'SCHEDULED' 상태의 그룹만 취소가 가능합니다.")
        self._scheduled.discard(group)
        group.status = "FAILED"
        group.note(self.clock(), "메시지 예약이 성공적으로 취소됐습니다.")

    def delete(self, group: Group) -> None:
        """Delete a group that was never sent: it never will be.

        Raises:
            SolapiError: 400 NotOperationalStatus when it is not pending any more.
        """
        if group.status != "PENDING":
            reason = f"PENDING 상태의 그룹만 삭제할 수 있습니다. 현재 상태는 {group.status} 입니다."
            raise SolapiError(400, "NotOperationalStatus", reason)
        group.status = "DELETED"
        group.note(self.clock(), "메시지 그룹이 삭제되었습니다.")

    def stop(self) -> None:
        """Leave what is scheduled unsent."""
        if self._scheduler:
            self._scheduler.cancel()

    async def _send_scheduled(self) -> None:
        # The clock may be a test's: it can't be slept on, only looked at.
        while self._scheduled:
            now = self.clock()
            for group in [group for group in self._scheduled if (group.scheduled or 0) <= now]:
                self._scheduled.discard(group)
                try:
                    self._send(group)
                except SolapiError as error:
                    group.status = "FAILED"
                    group.note(now, error.message)
            await asyncio.sleep(_SCHEDULE_POLL)

    def _stamp(self, now: float) -> str:
        return datetime.fromtimestamp(now, KST).strftime("%Y%m%d%H%M%S")


_UNSENDABLE = {
    "SENDING": (409, "GroupInProcessing", "이미 발송 요청된 그룹입니다."),
    "COMPLETE": (409, "AlreadySent", "이미 발송이 완료된 그룹입니다."),
    "SCHEDULED": (409, "ScheduledGroup", "발송 예약된 그룹이므로 발송이 불가능합니다."),
    "DELETED": (400, "DeletedGroup", "삭제 처리된 그룹으로는 발송이 안됩니다."),
    "FAILED": (400, "FailedGroup", "그룹 생성에 실패했던 그룹입니다. 그룹 로그를 확인해주세요."),
}


def _require_sendable(group: Group) -> None:
    if group.status in _UNSENDABLE:
        raise SolapiError(*_UNSENDABLE[group.status])


def _type_of_refused(raw: dict[str, Any]) -> str:
    try:
        return message_type(raw)
    except Refusal:
        return str(raw.get("type") or "SMS").upper()
