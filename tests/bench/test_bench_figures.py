from uuid import UUID

from bench.check import compare
from bench.load import latency, percentile
from bench.results import CpuUse, Target, cpu_use, sql_use
from bench.saas import customer
from bench.sql_count import count_statements
from bench.watch import next_look
from simulator.fates import FATES

LOG = """\
sql||LOG:  received SIGHUP, reloading configuration files
sql|allim_events|LOG:  statement: BEGIN
sql|allim_events|LOG:  execute <unnamed>:
\twith given as (
\t  select 1 as "sql|allim_events|LOG:  statement: no"
\t)
sql|postgres|LOG:  execute <unnamed>: select count(*) from messages
sql|allim_events|LOG:  execute _pg3_0: insert into messages
sql|allim_events|LOG:  statement: COMMIT
sql|allim_ticker|LOG:  execute <unnamed>: select min(due_at) from timers
sql|allim_events|ERROR:  deadlock detected
"""


def test_each_statement_counts_once_for_its_role_and_transaction_control_is_apart() -> None:
    assert count_statements(LOG.splitlines(keepends=True)) == {
        ("allim_events", True): 2,
        ("allim_events", False): 2,
        ("postgres", False): 1,
        ("allim_ticker", False): 1,
    }


def test_statements_a_message_leave_out_the_tick_and_the_bench_itself() -> None:
    use = sql_use(count_statements(LOG.splitlines()), messages=4)
    assert (use.statements, use.begin_commit, use.background) == (0.5, 0.5, 1)
    assert use.by_role == {"allim_events": 0.5}


def test_cpu_is_given_for_a_thousand_messages_and_leaves_out_idle_processes() -> None:
    assert cpu_use({"postgres": 1.0, "pubsub": 0.5, "idle": 0.0}, 500) == CpuUse(3.0, {"postgres": 2.0, "pubsub": 1.0})


def test_a_percentile_is_a_measured_value_that_so_many_do_not_exceed() -> None:
    values = list(range(1, 101))
    assert [percentile(values, p) for p in (1, 50, 99, 100)] == [1, 50, 99, 100]
    assert percentile([7.0], 50) == percentile([7.0], 99) == 7.0
    found = latency([0.3, 0.1, 0.2], None)
    assert (found.p50_ms, found.p99_ms, found.max_ms) == (200.0, 300.0, 300.0)


def test_a_target_says_whether_more_or_less_is_better() -> None:
    assert Target("speed", 1_000, 1_000, at_least=True).met
    assert not Target("cost", 1.1, 1, at_least=False).met


def test_the_check_sees_what_was_told_twice_and_what_never() -> None:
    told, twice, never = (UUID(int=number) for number in (1, 2, 3))
    accepted = [{"customFields": {"allim": f"{message}/0/alimtalk"}} for message in (told, twice, twice)]
    found = compare([told, twice, never], accepted)
    assert (found.messages, found.accepted, found.repeated, found.missing) == (3, 3, 1, 1)
    assert not found.exactly_once
    assert compare([told], accepted[:1]).exactly_once


def test_the_watch_looks_more_often_as_the_end_comes_near_but_never_all_the_time() -> None:
    waits = [next_look(seen, 1_000, elapsed) for seen, elapsed in ((200, 2.0), (900, 9.0), (990, 9.9), (999, 100.0))]
    assert waits == [2.0, 0.25, 0.099, 1.0]
    assert next_look(0, 1_000, 3.0) == 0.3


def test_every_customer_has_a_number_of_their_own_on_which_all_is_delivered() -> None:
    phones = [str(customer(number)["phone"]).replace("-", "") for number in range(20_000)]
    assert len(set(phones)) == 20_000
    assert all(len(phone) == 11 and phone[-4:] not in FATES for phone in phones)
