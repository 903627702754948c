"""The alerts that `watch` knows: one table of kinds, with what they are called and what to do. Each has a page of the
runbook by its name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """An alert of one kind: its title in Korean and English, and the first thing to do."""

    korean: str
    english: str
    do: str


OTHER = "other-alert"
"""What stands for a kind in the table `alerts` that is not known here."""

RULES: dict[str, Rule] = {
    "database-away": Rule(
        "데이터베이스가 응답하지 않습니다",
        "The database does not answer",
        "Look at the database's status page and its number of clients. Messages wait in Pub/Sub; none is lost.",
    ),
    "database-slow": Rule(
        "데이터베이스 응답이 느립니다",
        "The database is slow",
        "Look at its CPU and at the statements that take the time.",
    ),
    "connections-full": Rule(
        "데이터베이스 연결이 거의 다 찼습니다",
        "The database is nearly out of connections",
        "Lower max_instances or database_pool_size, or take a larger database.",
    ),
    "ticks-stopped": Rule(
        "리마인더 틱이 멈췄습니다",
        "No tick for 5 minutes: reminders do not leave",
        "Is the scheduler's job enabled, and does on_reminder_tick fail? The first tick takes up all that is due.",
    ),
    "sweeps-stopped": Rule(
        "밀린 작업을 되살리는 스윕이 멈췄습니다",
        "Not all sweeps have ended well for 5 minutes: what was left behind is not taken up",
        "Is the scheduler's job enabled, and which loop of on_sweep_tick fails? Its log names it. Nothing is lost.",
    ),
    "reminders-late": Rule(
        "리마인더가 늦게 나가고 있습니다",
        "Reminders leave late",
        "Raise reminder_cpu if very many are due at once; else look why ticks fail.",
    ),
    "outbox-old": Rule(
        "발송 티켓이 처리되지 않고 있습니다",
        "Tickets are published and nobody consumes them",
        "Does on_send_request run, and does it fail? The tick publishes each ticket again until it is consumed.",
    ),
    "queued-old": Rule(
        "메시지가 오래 대기 중입니다",
        "Queued messages wait for too long",
        "Does the provider take messages? Look at provider health, then at on_send_request.",
    ),
    "callbacks-stopped": Rule(
        "발송사 콜백이 멈췄습니다",
        "Messages left within the hour, and no provider has reported on any",
        "Is the webhook registered at the provider, with our address and the right secret?",
    ),
    "provider-failing": Rule(
        "발송사 호출이 계속 실패합니다",
        "Calls to the provider come to nothing",
        "Wrong keys, no credit there, or its outage? See the errors of the tenant's dispatches.",
    ),
    "breaker-open": Rule(
        "장애가 난 발송 계정으로 보내지 않고 있습니다",
        "Nothing is sent by an account that failed",
        "See what its provider answers: `allim providers`. What was surely not sent leaves by the tenant's others.",
    ),
    "no-account-works": Rule(
        "보낼 수 있는 발송 계정이 없습니다",
        "No account of a channel works: its messages wait",
        "See `allim providers`, and add an account if it lasts. Messages wait until their moment is over.",
    ),
    "dispatches-undecided": Rule(
        "발송 여부를 확인할 수 없는 건이 있습니다",
        "Nobody can find out whether messages were sent",
        "Can the account's credentials be opened with ALLIM_ENCRYPTION_KEY, and does the provider answer? "
        "They are never sent blindly.",
    ),
    "account-not-asked": Rule(
        "발송 계정에 발송 결과를 물어볼 수 없습니다",
        "A provider's account can't be asked what became of messages",
        "Was its key revoked, or the account removed? Register it again under the same id: after one to three days "
        "its messages end without a result.",
    ),
    "certificate-ends": Rule(
        "전송자격인증이 곧 만료됩니다",
        "The transmission certificate of an account ends within 60 days, or is over",
        "Renew it and register the account with the new one: after its last day nothing leaves by the account.",
    ),
    "account-amiss": Rule(
        "발송 계정 설정이 잘못되어 메시지가 거절됩니다",
        "Messages are refused because an account is set up wrong at its provider",
        "The detail names the account and what to set right: the app's own Firebase project, or its APNs key.",
    ),
    "holds-old": Rule(
        "정산되지 않은 홀드가 있습니다",
        "Credit is held for longer than any report may take",
        "The sweeps settle holds: see why they can't ask about these dispatches.",
    ),
    "dead-letters": Rule(
        "처리할 수 없는 메시지가 들어왔습니다",
        "Something could not be understood or done: dead letters",
        "Read their reasons; mend the cause, then replay them.",
    ),
    "payment-failures": Rule(
        "결제 실패가 한 시간에 10건을 넘었습니다",
        "More than 10 payments failed within an hour",
        "See the codes of the failed orders. All the same: look at Toss's status page.",
    ),
    "invoice-differences": Rule(
        "발송사 청구와 발송 기록이 다릅니다",
        "A provider counts or charges otherwise than we",
        "allim invoices list says which day, channel and reason. Ask the provider about what we did not send.",
    ),
    "low-balance": Rule(
        "크레딧 잔액이 부족해지고 있습니다",
        "Credit runs low",
        "Tell the tenant to top up, or to switch automatic top-up on.",
    ),
    "credit-shortage": Rule(
        "크레딧이 부족해 메시지를 보내지 못하고 있습니다",
        "Messages wait or fail for want of credit",
        "Tell the tenant to top up; what waits leaves within a minute after that.",
    ),
    "words-refused": Rule(
        "문구 때문에 보내지 못한 메시지가 있습니다",
        "Messages end unsent for their words",
        "Tell the tenant which characters, length or law it is: its template or its data must change.",
    ),
    "template-lost": Rule(
        "승인된 알림톡 템플릿을 쓸 수 없게 되었습니다",
        "An AlimTalk that was approved can't be sent any more",
        "Its text or its status changed at the provider: `allim templates diff` says how.",
    ),
    "topup-refused": Rule(
        "자동 충전이 거절되었습니다",
        "The card of an automatic top-up was refused",
        "Tell the tenant to register another card, or to top up by hand.",
    ),
    "cancel-without-credit": Rule(
        "환불되었지만 회수할 크레딧이 없습니다",
        "A payment was given back whose credit is spent",
        "Settle it with the tenant: the credit was used, and the money went back.",
    ),
    "payment-undecided": Rule(
        "결제 결과를 끝내 확인하지 못했습니다",
        "Toss never said what became of a payment or a cancel",
        "Look at Toss's dashboard whether money was taken or given back, and set it right by hand.",
    ),
    "payment-disputed": Rule(
        "결제는 되었지만 주문과 맞지 않습니다",
        "Money was taken by a payment that does not match its order",
        "It bought nothing: give it back in Toss's dashboard, or top the credit up by hand.",
    ),
    "plan-payment-failed": Rule(
        "요금제 결제가 실패했습니다",
        "A plan's payment failed",
        "Tell the tenant; its card is tried again by itself.",
    ),
    "plan-ended": Rule(
        "결제가 되지 않아 요금제가 종료되었습니다",
        "A plan has ended unpaid",
        "Tell the tenant: it is on FREE now, and may subscribe again.",
    ),
    "plan-payment-cancelled": Rule(
        "요금제 결제가 취소되었지만 요금제는 유지됩니다",
        "A plan's payment was given back at Toss, and the plan goes on",
        "Did somebody cancel it in Toss's dashboard? End the plan, or have it paid again.",
    ),
    "plan-refund-refused": Rule(
        "요금제 환불이 거절되었습니다",
        "A plan has ended, and its refund was refused",
        "The money is still here: send it back to the tenant by hand.",
    ),
    "ledger-difference": Rule(
        "원장과 잔액이 맞지 않습니다",
        "The ledger does not add up",
        "Stop changing credit by hand and find the entry: `allim credits audit`.",
    ),
    "months-missing": Rule(
        "다음 달 파티션이 준비되지 않았습니다",
        "Next month has no partitions yet",
        "Does the function retention fail? `allim migrate` makes months ahead. Nothing is lost: rows lie in a common "
        "partition until then.",
    ),
    OTHER: Rule(
        "확인이 필요한 알림이 있습니다",
        "Something that a person should know",
        "Read its detail in the table `alerts`.",
    ),
}
