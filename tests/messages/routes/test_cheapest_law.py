"""The order of a route by what a delivery is expected to cost."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from shared.messages.routes.cheapest import Figures, cheapest_first
from shared.messages.routing import Route, parse_route

CHEAPEST = parse_route("cost_optimized")
AS_SMS = {"alimtalk": "alimtalk", "sms": "sms"}


def figures(alimtalk: Figures | None = None) -> dict[str, Figures]:
    return {"alimtalk": alimtalk or Figures(Decimal(15)), "sms": Figures(Decimal(20)), "lms": Figures(Decimal(50))}


def test_the_cheaper_channel_comes_first_where_nothing_is_known() -> None:
    assert cheapest_first(CHEAPEST, AS_SMS, figures(), ()).channels == ("alimtalk", "sms")
    dear = figures(alimtalk=Figures(Decimal(30)))
    assert cheapest_first(CHEAPEST, AS_SMS, dear, ()).channels == ("sms", "alimtalk")
    assert cheapest_first(CHEAPEST, {"alimtalk": "alimtalk", "sms": "lms"}, dear, ()).channels == ("alimtalk", "sms")


def test_a_channel_that_hardly_delivers_comes_later_and_a_few_failures_say_little() -> None:
    hardly = figures(alimtalk=Figures(Decimal(15), delivered=60, attempts=300))
    assert cheapest_first(CHEAPEST, AS_SMS, hardly, ()).channels == ("sms", "alimtalk")
    three_failed = figures(alimtalk=Figures(Decimal(15), delivered=0, attempts=3))
    assert cheapest_first(CHEAPEST, AS_SMS, three_failed, ()).channels == ("alimtalk", "sms")


def test_where_nobody_can_be_reached_nothing_is_tried_unless_there_is_no_other() -> None:
    assert cheapest_first(CHEAPEST, AS_SMS, figures(), {"alimtalk"}).channels == ("sms",)
    assert cheapest_first(CHEAPEST, AS_SMS, figures(), {"alimtalk", "sms"}).channels == ("alimtalk", "sms")


def test_what_has_no_price_or_cannot_carry_the_words_comes_last() -> None:
    assert cheapest_first(CHEAPEST, {"sms": "sms"}, figures(), ()).channels == ("sms", "alimtalk")
    assert cheapest_first(CHEAPEST, AS_SMS, {"sms": Figures(Decimal(20))}, ()).channels == ("sms", "alimtalk")


def test_a_route_that_loses_a_channel_stays_what_it_is() -> None:
    assert Route(("alimtalk", "sms"), (1, 2), cheapest=True, may_double=True).only(["sms"]) == Route(
        ("sms",), (2,), cheapest=True, may_double=True
    )


LEGS = ("push", "alimtalk", "brand", "sms", "mms")


@given(st.permutations(LEGS), st.data())
def test_no_leg_is_lost_but_those_without_hope_and_each_keeps_its_deadline(
    legs: list[str], data: st.DataObject
) -> None:
    route = Route(tuple(legs), tuple(range(1, 6)), cheapest=True, may_double=True)
    attempts = st.integers(0, 500)
    known = {
        leg: Figures(Decimal(data.draw(st.integers(0, 300))), delivered, delivered + data.draw(attempts))
        for leg in data.draw(st.sets(st.sampled_from(LEGS)))
        for delivered in [data.draw(attempts)]
    }
    unreachable = data.draw(st.sets(st.sampled_from(LEGS)))
    ordered = cheapest_first(route, {leg: leg for leg in LEGS}, known, unreachable)
    assert set(ordered.channels) == (set(LEGS) - unreachable or set(LEGS))
    assert ordered.may_double
    before = dict(zip(route.channels, route.deadlines, strict=True))
    assert dict(zip(ordered.channels, ordered.deadlines, strict=True)) == {leg: before[leg] for leg in ordered.channels}
    costs = [known[leg].expected_price for leg in ordered.channels if leg in known]
    assert costs == sorted(costs)
    assert [leg in known for leg in ordered.channels] == sorted(
        (leg in known for leg in ordered.channels), reverse=True
    )
