import datetime as dt
import json

import pytest

from cli.messaging.event_file import entries, no_utf_8
from tests.cli.conftest import event
from tests.clock import NOON


def _read(text: str) -> list[tuple[int, str]]:
    return [(entry.line, entry.data.decode()) for entry in entries(text.encode())]


def _faults(text: str) -> list[str | None]:
    return [entry.fault(NOON) for entry in entries(text.encode())]


@pytest.mark.parametrize("text", ["", " \n\t\n", "[]", "[ \n ]"])
def test_a_file_with_nothing_in_it_has_no_entries(text: str) -> None:
    assert _read(text) == []


def test_one_event_may_take_many_lines() -> None:
    pretty = json.dumps(json.loads(event(1)), indent=2)
    assert _read(f"\n{pretty}\n") == [(2, pretty)]


def test_json_lines_are_told_by_their_lines() -> None:
    assert _read(f"{event(1)}\r\n\n{event(2)}") == [(1, event(1)), (3, event(2))]


def test_an_array_is_taken_apart_and_each_event_kept_as_it_is_written() -> None:
    odd = '{ "b" : 1.0 , "a":"\\u0041" }'
    assert _read(f"[{odd},\n\n {odd}\n]\n") == [(1, odd), (3, odd)]


def test_a_byte_order_mark_is_no_part_of_an_event() -> None:
    assert _read("\ufeff" + event(1)) == [(1, event(1))]


def test_good_events_have_no_fault() -> None:
    assert _faults(f"[{event(1)}, {event(2)}]") == [None, None]


def test_each_fault_names_its_line_and_field() -> None:
    lines = [event(1), event(2, specversion="2.0"), "{not json", event(4, time="2025-11-21T10:00:00"), event(5)]
    fine, version, broken, naive, last = _faults("\n".join(lines))
    assert (fine, last) == (None, None)
    assert version is not None
    assert version.startswith("line 2: specversion: ")
    assert broken is not None
    assert broken.startswith("line 3, column 2: not JSON: ")
    assert broken.count("line 3") == 1
    assert naive is not None
    assert naive.startswith("line 4: time: ")


def test_what_is_not_json_in_an_array_ends_it() -> None:
    assert [fault is None for fault in _faults(f"[{event(1)},\n oops,\n{event(2)}]")] == [True, False]


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5_000, "null", '"text"', '{"a": NaN}'])
def test_odd_json_is_a_fault_and_not_a_crash(text: str) -> None:
    assert all(_faults(text))
    assert _faults(text)


def test_bytes_that_are_no_text_are_kept_and_are_a_fault() -> None:
    (entry,) = entries(b'{"a": "\xff"}')
    assert entry.data == b'{"a": "\xff"}'
    assert entry.fault(NOON) is not None


def test_the_line_of_a_slip_within_an_event_is_the_one_that_is_told() -> None:
    [fault] = _faults('\n{"id": "e-1",\n "type": oops\n}')
    assert fault is not None
    assert fault.startswith("line 3, column 10: not JSON: ")
    assert fault.count("line ") == 1


@pytest.mark.parametrize(
    ("file", "said", "said_ko"),
    [
        ('{}\n{"a": "홍길동"}'.encode("cp949"), "line 2: it is written in CP949", "2번째 줄: CP949"),
        (b'{}\n\n{"a": "\xff"}', "line 3: the byte 0xFF", "3번째 줄"),
        ('\ufeff{}\n{"a": "'.encode() + b'\xff"}', "line 2: the byte 0xFF", "2번째 줄"),
        ("{}".encode("utf-16"), "it is written in UTF-16", "UTF-16"),
        ("{}".encode("utf-16-be"), "it is written in UTF-16", "UTF-16"),
        ("{}".encode("utf-16-le"), "it is written in UTF-16", "UTF-16"),
        (b"PK\x03\x04\x14\x00", "it is an Excel workbook", "엑셀"),
    ],
    ids=["cp949", "bad-byte", "bad-byte-after-a-mark", "utf-16", "utf-16-be", "utf-16-le", "xlsx"],
)
def test_a_file_that_is_no_utf_8_says_what_it_is_and_what_to_do(file: bytes, said: str, said_ko: str) -> None:
    told = no_utf_8(file)
    assert told is not None
    assert told[0].startswith(said)
    assert said_ko in told[1]
    assert "UTF-8" in told[0]
    assert "UTF-8" in told[1]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_utf_8_with_a_mark_or_without_is_read(encoding: str) -> None:
    assert no_utf_8('{"이름": "홍길동"}'.encode(encoding)) is None


def test_an_event_that_is_too_large_is_a_fault() -> None:
    (fault,) = _faults(event(1, subject="x" * 300_000))
    assert fault is not None
    assert "262,144 fit" in fault


def test_a_moment_that_is_far_ahead_is_a_fault_for_it_would_be_refused() -> None:
    ahead = NOON + dt.timedelta(hours=2)
    [fault] = _faults(event(1, time=ahead.isoformat()))
    assert fault is not None
    assert "is over an hour ahead" in fault
