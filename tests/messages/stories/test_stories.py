from decimal import Decimal
from uuid import UUID

import pytest

from shared.contracts.outcomes import Outcome
from shared.messages.status import Status
from shared.messages.stories.stories import Story, StoryError
from tests.messages.stories.conftest import Sending


def _outline(told: Story) -> list[str]:
    return [chapter.what for chapter in told.chapters]


async def test_a_message_that_waits_tells_of_its_event_its_making_and_its_ticket(sending: Sending) -> None:
    message = await sending.signs_up("c-1")
    told = await sending.story(message)
    assert _outline(told) == ["event", "composed", "waiting", "status"]
    event, composed, waiting, status = told.chapters
    assert (event.facts["type"], event.facts["source"], event.facts["id"]) == ("signup", "//shop", "evt-c-1")
    assert (composed.facts["workflow"], composed.facts["workflow_version"], composed.facts["step"]) == ("welcome", 1, 0)
    assert waiting.facts["id"] == sending.tickets[0].id
    assert status.facts["status"] == "queued"
    assert told.message.price is None


async def test_a_fallback_is_told_call_by_call_and_report_by_report(sending: Sending) -> None:
    message = await sending.signs_up("c-1")
    first = await sending.dispatch()
    await sending.report(message, 0, "alimtalk", "3104", Outcome.FAILED)
    second = await sending.dispatch()
    await sending.report(message, 1, "sms", "4000", Outcome.DELIVERED)
    told = await sending.story(message)
    assert " ".join(_outline(told)) == "event composed credit dispatch report dispatch report credit status"
    calls = [chapter.facts for chapter in told.chapters if chapter.what == "dispatch"]
    assert [
        (call["id"], call["provider"], call["account"], call["provider_batch_id"], call["state"]) for call in calls
    ] == [
        (first, "solapi", "main", f"G-{first}", "closed"),
        (second, "solapi", "main", f"G-{second}", "closed"),
    ]
    reports = [chapter.facts for chapter in told.chapters if chapter.what == "report"]
    assert [(report["attempt"], report["channel"], report["code"], report["outcome"]) for report in reports] == [
        (0, "alimtalk", "3104", "failed"),
        (1, "sms", "4000", "delivered"),
    ]
    assert [chapter.at for chapter in told.chapters] == sorted(chapter.at for chapter in told.chapters)
    assert (told.message.status, told.message.channel, told.message.price) == ("delivered", "sms", Decimal(20))
    held, captured = [chapter.sentence.partition(" (entry")[0] for chapter in told.chapters if chapter.what == "credit"]
    assert (held, captured) == ("50 won are held", "20 of the 50 won held are captured")


async def test_the_words_of_each_leg_are_told(sending: Sending) -> None:
    told = await sending.story(await sending.signs_up("c-1"))
    assert [(words.channel, words.text, words.error) for words in told.words] == [
        ("alimtalk", "홍길동님, 환영합니다.", None),
        ("sms", "[모아] 홍길동님 환영합니다", None),
    ]


async def test_words_that_can_not_be_written_say_why(sending: Sending) -> None:
    alimtalk, sms = (await sending.story(await sending.signs_up("c-1", name="똠"))).words
    assert (alimtalk.text, alimtalk.error) == ("똠님, 환영합니다.", None)
    assert sms.text is None
    assert sms.error is not None
    assert sms.error.startswith("unencodable_characters: ")


async def test_a_message_that_could_not_be_made_has_a_story_too(sending: Sending) -> None:
    told = await sending.story(await sending.signs_up("c-1", name=None))
    assert _outline(told) == ["event", "composed", "status"]
    assert (told.message.status, told.message.reason) == ("failed", "missing_variable")
    assert {words.error for words in told.words} == {"no value for 이름"}


async def test_the_words_for_somebody_without_a_number_are_told_all_the_same(sending: Sending) -> None:
    told = await sending.story(await sending.signs_up("c-1", phone=None))
    assert (told.message.status, told.message.reason) == ("failed", "missing_phone")
    assert [words.text for words in told.words] == ["홍길동님, 환영합니다.", "[모아] 홍길동님 환영합니다"]


async def test_phone_numbers_are_masked(sending: Sending) -> None:
    told = await sending.story(await sending.signs_up("c-1"))
    assert told.message.recipient == "010****4000"
    assert "90004000" not in repr(told)


async def test_another_messages_call_is_no_part_of_the_story(sending: Sending) -> None:
    one = await sending.signs_up("c-1")
    await sending.dispatch()
    other = await sending.signs_up("c-2")
    await sending.dispatch()
    for message in (one, other):
        assert _outline(await sending.story(message)).count("dispatch") == 1


async def test_the_beginning_of_an_id_is_enough_when_it_is_one_messages_alone(sending: Sending) -> None:
    message, other = await sending.signs_up("c-1"), await sending.signs_up("c-2")
    for given in (str(message), message.hex, str(message).upper(), str(message)[:-4]):
        assert (await sending.story(given)).message.id == message
    with pytest.raises(StoryError) as refused:
        await sending.story(str(message)[:8])
    assert refused.value.code == "ambiguous_id"
    assert str(message) in refused.value.detail
    assert str(other) in refused.value.detail


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (UUID(int=7), "unknown_message"),
        ("ffff", "unknown_message"),
        ("abc", "bad_id"),
        ("", "bad_id"),
        ("hello", "bad_id"),
        ("0" * 33, "bad_id"),
    ],
)
async def test_an_id_that_is_none_is_refused(sending: Sending, given: UUID | str, code: str) -> None:
    await sending.signs_up("c-1")
    with pytest.raises(StoryError) as refused:
        await sending.story(given)
    assert refused.value.code == code


async def test_messages_are_listed_newest_first_across_tenants(sending: Sending) -> None:
    made = [
        await sending.signs_up("c-1"),
        await sending.signs_up("c-2", tenant="other"),
        await sending.signs_up("c-3"),
    ]
    assert [message.id for message in await sending.list()] == made[::-1]
    assert [message.id for message in await sending.list(limit=2)] == made[:0:-1]
    assert [message.id for message in await sending.list(tenant="other")] == [made[1]]


async def test_a_list_is_narrowed_by_status_and_customer(sending: Sending) -> None:
    queued, failed = await sending.signs_up("c-1"), await sending.signs_up("c-2", name=None)
    assert [message.id for message in await sending.list(status=Status.FAILED)] == [failed]
    assert [message.id for message in await sending.list(customer="c-1")] == [queued]
    assert await sending.list(customer="c-1", status=Status.FAILED) == []


async def test_a_list_of_an_unknown_tenant_is_refused(sending: Sending) -> None:
    with pytest.raises(StoryError, match="unknown_tenant"):
        await sending.list(tenant="nobody")


async def test_what_waits_is_listed_by_what_carries_it(sending: Sending) -> None:
    left, other = await sending.signs_up("c-1"), await sending.signs_up("c-2")
    await sending.dispatch()
    waiting, elsewhere = await sending.signs_up("c-3"), await sending.signs_up("c-4", tenant="other")
    await sending.report(other, 0, "alimtalk", "4000", Outcome.DELIVERED)

    async def listed(status: Status, **only: str) -> list[UUID]:
        return [message.id for message in await sending.list(status=status, **only)]

    assert await listed(Status.SENT) == [left]
    assert await listed(Status.QUEUED) == [elsewhere, waiting]
    assert await listed(Status.QUEUED, tenant="saas") == [waiting]
    assert await listed(Status.QUEUED, customer="c-4") == [elsewhere]
    assert await listed(Status.SENDING) == []
