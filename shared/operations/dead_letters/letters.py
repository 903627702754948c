"""What an operator is told of a dead letter, and where it goes when it is replayed. Decisions only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.platform.masking import mask_phones
from shared.platform.pubsub import (
    BULK_SEND_REQUESTS,
    DELIVERY_CALLBACKS,
    REMINDER_TICKS,
    SEND_REQUESTS,
    SUBSCRIPTION_EVENTS,
    SWEEP_TICKS,
    WATCH_TICKS,
    Outgoing,
)
from shared.platform.pubsub.publishers import ATTRIBUTE, topic_of_publisher

LETTER = "allim-dead-letter"
"""The attribute by which what is refused again finds the letter that it is: migration 0010 reads it."""

GIVEN_UP = "CloudPubSubDeadLetterSource"
"""What the names of attributes begin with that Pub/Sub adds when it gives a message up."""

TOPIC_OF = {
    "on_subscription_event": SUBSCRIPTION_EVENTS,
    "on_send_request": SEND_REQUESTS,
    "on_bulk_send_request": BULK_SEND_REQUESTS,
    "on_delivery_callback": DELIVERY_CALLBACKS,
    "on_reminder_tick": REMINDER_TICKS,
    "on_sweep_tick": SWEEP_TICKS,
    "watch": WATCH_TICKS,
}
"""The topic of each function that dead letters come from."""

MOST_SHOWN = 4_000
"""Characters of a letter's data that are printed."""


@dataclass(frozen=True, slots=True)
class Reason:
    """What a code means and what to do, in English and Korean. `helps`: whether publishing it again may."""

    means: str
    means_ko: str
    helps: bool = True


REASONS: Mapping[str, Reason] = {
    "not_a_push": Reason(
        "A request that is no Pub/Sub push: somebody calls the function directly. Find out who, then drop it.",
        "Pub/Sub 푸시가 아닌 요청입니다. 함수를 직접 호출한 쪽을 찾은 뒤 폐기하세요.",
        helps=False,
    ),
    "not_json": Reason(
        "The data is not JSON. Tell its sender; drop it, for it will be refused again.",
        "데이터가 JSON이 아닙니다. 보낸 쪽에 알리고 폐기하세요. 다시 보내도 거절됩니다.",
    ),
    "schema_violation": Reason(
        "The data breaks its contract; the detail names the field. Have the sender publish it corrected, then drop it; "
        "replay it only after a release that takes it.",
        "데이터가 규약에 맞지 않습니다. 상세에 적힌 필드를 보낸 쪽에서 고쳐 다시 발행하게 한 뒤 폐기하세요. "
        "받아들이는 배포를 한 경우에만 재처리하세요.",
    ),
    "too_large": Reason(
        "There is more data than is taken. Have the sender publish less, then drop it.",
        "데이터가 허용 크기를 넘었습니다. 보낸 쪽에서 줄여 다시 발행하게 한 뒤 폐기하세요.",
    ),
    "future_time": Reason(
        "The event's time is over an hour ahead. Replay it when that time has come; a wrong clock is its sender's.",
        "이벤트 시각이 한 시간 이상 미래입니다. 그 시각이 지난 뒤 재처리하세요. "
        "시계가 틀렸다면 보낸 쪽에서 맞춰야 합니다.",
    ),
    "unknown_tenant": Reason(
        "No tenant has this name. Add the tenant, then replay it; or drop it if the name is wrong.",
        "등록되지 않은 테넌트입니다. 테넌트를 추가한 뒤 재처리하거나, 이름이 틀렸다면 폐기하세요.",
    ),
    "publisher_not_allowed": Reason(
        "A publisher spoke for a tenant, or as a source, that it is not bound to. Ask whoever runs it. If it may, "
        "add that to `publishers` in Terraform, apply, and replay it; else drop it.",
        "발행자에게 허용되지 않은 테넌트나 source의 이벤트입니다. 발행자에게 확인하세요. 허용할 것이면 Terraform의 "
        "`publishers`에 추가해 적용한 뒤 재처리하고, 아니면 폐기하세요.",
    ),
    "conflicting_event": Reason(
        "An event of this source and id came before and said something else; that one counts. Have the sender publish "
        "what is new under a new id, then drop this.",
        "같은 source와 id로 내용이 다른 이벤트가 먼저 왔고, 먼저 온 것이 유효합니다. "
        "새 내용을 새 id로 발행하게 한 뒤 폐기하세요.",
        helps=False,
    ),
    "bad_anchor": Reason(
        "The event was kept, but its workflow finds no time in it to count from. Have the sender publish it corrected "
        "under a new id, then drop it.",
        "이벤트는 저장되었지만 워크플로의 기준 시각을 찾을 수 없습니다. "
        "고친 이벤트를 새 id로 발행하게 한 뒤 폐기하세요.",
        helps=False,
    ),
    "unknown_message": Reason(
        "A provider reports on a message that does not exist here, or that another account sent: another environment "
        "may share this account. Replay it after a restore that brings the message back; else drop it.",
        "존재하지 않거나 다른 계정으로 보낸 메시지에 대한 공급사의 보고입니다. "
        "다른 환경이 같은 계정을 쓰는지 확인하세요. 복원으로 메시지가 돌아온 뒤라면 재처리하고, 아니면 폐기하세요.",
    ),
    "malformed": Reason(
        "A provider's call can't be understood; its way of speaking may have changed. A sweep asks the provider for "
        "what it would have told. Drop it once the adapter understands such calls.",
        "공급사의 웹훅을 해석할 수 없습니다. 형식이 바뀌었을 수 있습니다. 결과는 스윕이 공급사에 직접 조회합니다. "
        "어댑터를 고친 뒤 폐기하세요.",
        helps=False,
    ),
    "too_many_malformed": Reason(
        "More of an account's calls could not be understood than are kept in an hour; the table door_counts says how "
        "many came. Look at those that were kept, and drop this one.",
        "한 계정의 해석할 수 없는 웹훅이 한 시간 보관 한도를 넘었습니다. 전체 건수는 door_counts 테이블에 있습니다. "
        "보관된 것을 확인한 뒤 폐기하세요.",
        helps=False,
    ),
    "undeliverable": Reason(
        "Pub/Sub gave it up after twenty tries: the function failed or was away. Mend that, then replay it.",
        "스무 번 시도한 뒤 Pub/Sub가 포기했습니다. 함수의 오류나 중단을 해결한 뒤 재처리하세요.",
    ),
}
"""By the stable code of each reason."""

_UNEXPLAINED = Reason(
    "A reason that is not known here. Read the detail; a replay does no harm.",
    "알려지지 않은 사유입니다. 상세를 읽으세요. 재처리해도 해가 없습니다.",
)


def explain(reason: str) -> Reason:
    """What a reason's code means; never fails."""
    return REASONS.get(reason, _UNEXPLAINED)


def topic_of(source: str, reason: str, attributes: Mapping[str, str]) -> str | None:
    """The topic to which a letter is published again, None where that can't help.

    What Pub/Sub gave up names its subscription, and a subscription has its topic's name. What a publisher of a topic of
    its own said goes there and nowhere else: at everybody's topic it could say anything.
    """
    if not explain(reason).helps:
        return None
    if source == "on_dead_letter":
        given_up = attributes.get(f"{GIVEN_UP}Subscription", "").rpartition("/")[2]
        known = given_up in TOPIC_OF.values() or given_up.startswith(f"{SUBSCRIPTION_EVENTS}-")
        return given_up if known else None
    if source == "on_subscription_event" and (publisher := attributes.get(ATTRIBUTE)):
        return topic_of_publisher(publisher)
    return None if reason == "publisher_not_allowed" else TOPIC_OF.get(source)


def as_published(letter: str, body: bytes, attributes: Mapping[str, str]) -> Outgoing:
    """A letter as it was first published, with the name by which it is known should it fail again."""
    first = {name: str(value) for name, value in attributes.items() if not name.startswith(GIVEN_UP)}
    return Outgoing(body, {**first, LETTER: letter})


def readable(text: str) -> str:
    """A stranger's words for a terminal: no number to call, no character that moves the cursor."""
    return "".join(one if one.isprintable() or one in "\n\t" else ascii(one)[1:-1] for one in mask_phones(text))


def printable(body: bytes) -> str:
    """A letter's data for people: text as far as it is text, and not too much of it."""
    text = readable(body[: 4 * MOST_SHOWN].decode(errors="backslashreplace"))
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}\n… of {len(body):,} bytes"
