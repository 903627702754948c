"""Why a message did not arrive, where we found it ourselves: a stable code, and a sentence for people."""

from __future__ import annotations

from collections.abc import Mapping

TOO_LATE, RUN_CHANGED = "too_late", "run_changed"
TENANT_SUSPENDED, WORKFLOW_OFF = "tenant_suspended", "workflow_off"
NO_LONGER_NEEDED = "no_longer_needed"
NO_PROVIDER_ACCOUNT, PRICE_MISSING, CREDIT_SHORTAGE = "no_provider_account", "price_missing", "credit_shortage"
PROVIDER_UNAVAILABLE, TEMPLATE_UNREADABLE = "provider_unavailable", "template_unreadable"
DEADLINE = "deadline"
CHANNEL_NOT_CARRIED = "channel_not_carried"
ACCOUNT_PAUSED, CERTIFICATE_EXPIRED = "account_paused", "certificate_expired"
ACCOUNTS_FAILING = "accounts_failing"
SENDER_UNREGISTERED, SENDER_USED_UP = "sender_unregistered", "sender_used_up"
ACCOUNT_UNREADABLE, UNKNOWN_PROVIDER = "account_unreadable", "unknown_provider"
NO_REPORT, NOBODY_TO_ASK = "no_report", "nobody_to_ask"
ANSWER_LOST = "answer_lost"
ACCEPTED = "accepted"
"""The code of an arrival of which nobody tells more than that the provider has taken the message."""
UNSUBSCRIBED = "unsubscribed"
UNHEARD_OF = frozenset({NO_REPORT, NOBODY_TO_ASK, ANSWER_LOST})
"""Ends for want of any final report: the provider has none, its account could not be asked, or it can't say whether it
was sent. The hold has expired."""

SENTENCES: Mapping[str, str] = {
    TOO_LATE: "its moment was over before it could be sent",
    NO_LONGER_NEEDED: "what its step is silent after has happened meanwhile (그사이 확인되어 보내지 않았습니다.)",
    TENANT_SUSPENDED: "the tenant was suspended until its moment was over (발송이 중지된 동안 시간이 지났습니다.)",
    WORKFLOW_OFF: "its workflow was off when it was to be sent (꺼진 워크플로라 보내지 않았습니다.)",
    RUN_CHANGED: "its run was moved or stopped after the message was made",
    NO_PROVIDER_ACCOUNT: "the tenant has no active provider account",
    PRICE_MISSING: "a channel of its route has no price",
    CREDIT_SHORTAGE: "크레딧이 부족합니다. 충전한 뒤 다시 보내 주세요. (not enough credit)",
    TEMPLATE_UNREADABLE: "템플릿을 읽을 수 없습니다. 운영자에게 문의해 주세요. (this release can't read its template)",
    DEADLINE: "no final report came before the channel's deadline",
    CHANNEL_NOT_CARRIED: "the account's provider does not carry this channel (발송 계정이 보내지 못하는 채널입니다.)",
    ACCOUNT_PAUSED: "every account that could send it was paused until its moment was over "
    "(발송 계정이 일시 중지된 동안 시간이 지났습니다.)",
    ACCOUNTS_FAILING: "no account that could send it has got through to its provider for a while "
    "(보낼 수 있는 발송 계정이 모두 장애 중입니다.)",
    CERTIFICATE_EXPIRED: "the transmission certificate of the account is over "
    "(발송 계정의 전송자격인증이 만료되었습니다.)",
    SENDER_UNREGISTERED: "the account's sender number is not registered and verified "
    "(등록되고 확인된 발신번호가 아닙니다.)",
    SENDER_USED_UP: "its sender number had sent its messages of the day, and its moment is over before the next day "
    "(발신번호의 하루 발송 한도를 다 써서 보내지 못했습니다.)",
    ACCOUNT_UNREADABLE: "its account's credentials can't be opened "
    "(발송 계정의 인증 정보를 열 수 없습니다. 계정을 다시 등록해 주세요.)",
    UNKNOWN_PROVIDER: "this release knows no such provider (지원하지 않는 발송사의 계정입니다.)",
    ANSWER_LOST: "the provider's answer was lost, and nobody can say whether it was sent; it is not sent again "
    "(발송사의 응답을 받지 못해 발송 여부를 알 수 없으며, 다시 보내지 않습니다.)",
    UNSUBSCRIBED: "the customer wants no advertising by e-mail (이메일 광고 수신을 거부한 고객입니다.)",
    NO_REPORT: "no final report came for as long as one may take (발송사가 결과를 알려 주지 않았습니다.)",
    NOBODY_TO_ASK: "its account could not be asked for as long as a report may take, and none came "
    "(발송 계정에 물어볼 수 없어 결과를 알 수 없습니다.)",
}
"""By code. Of `provider_unavailable` the provider's own last words tell."""

REFUSED_HERE = frozenset(
    {
        "unencodable_characters",
        "content_too_long",
        "subject_too_long",
        "no_words",
        "night_advertising",
        "advertising_unmarked",
        "opt_out_missing",
        "missing_phone",
        "invalid_phone",
        "unknown_customer",
        "missing_email",
        "bad_email",
        "button_too_long",
        "link_too_long",
        "bad_link",
        "bad_html",
    }
)
"""What ends a message when its words and recipient are looked at for a channel: no provider was asked, and the customer
is not told."""

WORDS_REFUSED = "words_refused"
"""The alert of a tenant of whose messages some ended so."""

ACCOUNT_NOT_ASKED = "account_not_asked"
"""The alert of a tenant whose account can't be asked what became of messages."""

ACCOUNT_AMISS = "account_amiss"
"""The alert of a tenant whose account is set up wrong at its provider, which refuses messages for it."""

WAITING_FOR_CREDIT = "크레딧이 부족해 메시지가 대기하거나 실패합니다. (messages wait or fail for want of credit)"
"""The alert of a tenant whose credit is short."""
