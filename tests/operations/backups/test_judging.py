"""What a manifest is worth: only what we signed, for its day and bucket, is a backup."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.operations.backups.judging import CLOCK_TOLERANCE, Found, State, choose, judge
from shared.operations.backups.manifest import (
    KEPT_NIGHTS,
    MOST_BYTES,
    BackupError,
    Manifest,
    Partition,
    TableFile,
    canonical,
    day_of_name,
    is_manifest,
    manifest_name,
    signed,
)
from shared.operations.backups.signing import SigningKeys
from shared.platform.clock import day_of
from tests.clock import NOON
from tests.world import BACKUP_KEY, BACKUP_KEYS

BUCKET = "allim-backups"
DAY = day_of(NOON)
FOLDER = f"{DAY}/030000-0a1b2c3d"
OTHER_KEYS = SigningKeys([bytes(32)])
MOMENT = dt.timedelta(microseconds=1)


def _manifest(taken_at: dt.datetime = NOON, bucket: str = BUCKET) -> Manifest:
    day = day_of(taken_at)
    folder = f"{day}/030000-0a1b2c3d"
    written: dict[str, Any] = {"columns": ("id",), "rows": 3, "bytes": 40, "sha256": "0" * 64}
    month = Partition(
        name="messages_2026_09", since=dt.date(2026, 9, 1), until=dt.date(2026, 10, 1), closed_at=taken_at, changes=0
    )
    stored = f"months/{month.name}/{day - dt.timedelta(days=KEPT_NIGHTS - 1)}-030000-0a1b2c3d.copy.gz"
    later = Partition(name="messages_later", since=month.until, until=None, closed_at=None, changes=0)
    files = [
        TableFile(table="customers", object=f"{folder}/customers.copy.gz", **written),
        TableFile(table="messages", partition=month, object=stored, generation=7, **written),
        TableFile(table="messages", partition=later, object=f"{folder}/messages_later.copy.gz", **written),
    ]
    return Manifest(
        bucket=bucket,
        lineage="0a1b2c3d",
        day=day,
        taken_at=taken_at,
        finished_at=taken_at,
        migrations=("0001_first",),
        tables=tuple(files),
    )


def _judged(
    content: bytes, day: dt.date = DAY, keys: SigningKeys | None = BACKUP_KEYS, name: str | None = None
) -> Found:
    return judge(name or manifest_name(day), content, bucket=BUCKET, keys=keys, now=NOON)


def _changed(change: Callable[[dict[str, Any]], object], *, unsigned: bool = False) -> bytes:
    written = json.loads(signed(_manifest(), BACKUP_KEYS))
    if unsigned:
        del written["signature"]
    change(written)
    return json.dumps(written).encode()


def _with(name: str, value: object, written: dict[str, Any]) -> None:
    written[name] = value


def test_what_was_signed_here_for_this_day_is_a_backup() -> None:
    found = _judged(signed(_manifest(), BACKUP_KEYS))
    assert (found.state, found.manifest, found.key) == (State.SIGNED, _manifest(), BACKUP_KEYS.signing)
    assert _judged(signed(_manifest(), BACKUP_KEYS), name=manifest_name(DAY, 3)).state is State.SIGNED


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda written: written.update(migrations=[]), id="the schema"),
        pytest.param(lambda written: written.update(finished_at="2026-11-21T03:00:01Z"), id="a moment"),
        pytest.param(lambda written: written["tables"].pop(), id="a table left out"),
        *(
            pytest.param(lambda written, name=name, value=value: written["tables"][0].update({name: value}), id=name)
            for name, value in {"rows": 4, "bytes": 41, "sha256": "1" * 64, "columns": ["id", "name"]}.items()
        ),
        pytest.param(lambda written: written.update(lineage="another"), id="the lineage"),
        *(
            pytest.param(lambda written, name=name, value=value: written["tables"][1].update({name: value}), id=name)
            for name, value in {
                "object": f"months/messages_2026_09/{DAY}-030000-0a1b2c3d.copy.gz",
                "generation": 8,
                "shape": "other",
            }.items()
        ),
        *(
            pytest.param(
                lambda written, name=name, value=value: written["tables"][1]["partition"].update({name: value}),
                id=f"a month's {name}",
            )
            for name, value in {"since": "2026-08-01", "until": None, "changes": 1}.items()
        ),
        pytest.param(lambda written: written["signature"].update(code="0" * 64), id="the signature"),
    ],
)
def test_whatever_is_changed_of_it_is_forged(change: Callable[[dict[str, Any]], object]) -> None:
    assert _judged(_changed(change)).state is State.FORGED


@given(st.data())
def test_of_any_change_of_a_byte_only_spelling_is_let_through(data: st.DataObject) -> None:
    content = bytearray(signed(_manifest(), BACKUP_KEYS))
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    found = _judged(bytes(content))
    assert found.state is not State.SIGNED or found.manifest == _manifest()


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_content_ends_the_judging(content: bytes) -> None:
    assert _judged(content).state is State.UNREADABLE


@pytest.mark.parametrize(
    ("manifest", "day"),
    [
        pytest.param(_manifest(NOON - dt.timedelta(days=1)), DAY, id="another day's"),
        pytest.param(_manifest(bucket="other-backups"), DAY, id="another deployment's"),
        pytest.param(
            _manifest().model_copy(update={"taken_at": NOON - dt.timedelta(days=1)}), DAY, id="a moment of another day"
        ),
    ],
)
def test_what_was_signed_for_elsewhere_is_forged(manifest: Manifest, day: dt.date) -> None:
    assert _judged(signed(manifest, BACKUP_KEYS), day).state is State.FORGED


@pytest.mark.parametrize("ahead", [MOMENT, dt.timedelta(days=26_000)])
@pytest.mark.parametrize("unsigned", [False, True], ids=["signed", "unsigned"])
def test_a_day_that_nobody_can_have_seen_is_in_the_future(ahead: dt.timedelta, unsigned: bool) -> None:
    late = _manifest(NOON + CLOCK_TOLERANCE + ahead)
    content = signed(late, BACKUP_KEYS)
    if unsigned:
        content = json.dumps({**json.loads(content), "signature": None}).encode()
    assert _judged(content, late.day).state is State.FUTURE


def test_a_clock_that_is_an_hour_ahead_makes_no_future() -> None:
    assert _judged(signed(_manifest(NOON + CLOCK_TOLERANCE), BACKUP_KEYS)).state is State.SIGNED


def test_without_its_key_it_can_not_be_verified_and_an_old_key_beside_a_new_one_does() -> None:
    content = signed(_manifest(), BACKUP_KEYS)
    assert [_judged(content, keys=keys).state for keys in (None, OTHER_KEYS)] == [State.UNVERIFIED] * 2
    assert _judged(content, keys=SigningKeys([bytes(32), BACKUP_KEY])).state is State.SIGNED


def test_one_from_before_they_were_signed_is_unsigned() -> None:
    found = _judged(_changed(lambda written: written.pop("bucket"), unsigned=True))
    assert (found.state, found.key) == (State.UNSIGNED, None)


@pytest.mark.parametrize(
    "place",
    [
        pytest.param("../2026-11-21/030000-0a1b2c3d/customers.copy.gz", id="a way up"),
        pytest.param("2026-11-21/../2026-11-20/030000-0a1b2c3d/customers.copy.gz", id="a way up and down"),
        pytest.param("2026-11-20/030000-0a1b2c3d/customers.copy.gz", id="another day's"),
        pytest.param("2026-11-21/030000-0a1b2c3d/messages.copy.gz", id="another table's"),
        pytest.param("2026-11-21/customers.copy.gz", id="no try's"),
        pytest.param("/etc/passwd", id="anywhere"),
    ],
)
@pytest.mark.parametrize("unsigned", [False, True], ids=["signed", "unsigned"])
def test_a_file_that_is_none_of_the_day_is_not_even_read(place: str, unsigned: bool) -> None:
    found = _judged(_changed(lambda written: written["tables"][0].update(object=place), unsigned=unsigned))
    assert (found.state, found.manifest) == (State.UNREADABLE, None)


TOO_OLD, TO_COME = DAY - dt.timedelta(days=KEPT_NIGHTS), DAY + dt.timedelta(days=1)


@pytest.mark.parametrize(
    ("number", "place"),
    [
        pytest.param(1, "months/messages_2026_08/2026-11-20-030000-0a1b2c3d.copy.gz", id="another month's"),
        pytest.param(
            1, f"months/messages_2026_09/{TOO_OLD}-030000-0a1b2c3d.copy.gz", id="too old to be there for long"
        ),
        pytest.param(1, f"months/messages_2026_09/{TO_COME}-030000-0a1b2c3d.copy.gz", id="to come"),
        pytest.param(1, "months/messages_2026_09/2026-11-31-030000-0a1b2c3d.copy.gz", id="no day's"),
        pytest.param(1, "2026-11-21/030000-0a1b2c3d/messages_2026_09.copy.gz", id="the day's, of a closed month"),
        pytest.param(2, "months/messages_later/2026-11-21-030000-0a1b2c3d.copy.gz", id="a month's, of an open one"),
        pytest.param(2, "2026-11-21/030000-0a1b2c3d/messages.copy.gz", id="all of its table"),
    ],
)
def test_a_months_file_is_where_files_of_its_kind_are_or_not_read(number: int, place: str) -> None:
    found = _judged(_changed(lambda written: written["tables"][number].update(object=place)))
    assert (found.state, found.manifest) == (State.UNREADABLE, None)


def test_a_backup_from_before_there_were_months_is_still_one() -> None:
    def without(written: dict[str, Any]) -> None:
        del written["lineage"], written["signature"], written["tables"][1:]
        for name in ("partition", "shape", "generation"):
            del written["tables"][0][name]

    content = json.loads(_changed(without))
    signature = BACKUP_KEYS.sign(canonical(content))
    found = _judged(json.dumps({**content, "signature": dataclasses.asdict(signature)}).encode())
    assert (found.state, found.manifest and found.manifest.rows_of_tables) == (State.SIGNED, {"customers": 3})


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(
            _changed(lambda written: written["tables"][2].update(partition=None, object=f"{FOLDER}/messages.copy.gz")),
            id="a whole table and a month of it",
        ),
        pytest.param(b"", id="nothing"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(signed(_manifest(), BACKUP_KEYS)[:-40], id="truncated"),
        pytest.param(b" " * (MOST_BYTES + 1), id="too large"),
        pytest.param(b'{"day": 1' + b"0" * 5_000 + b"}", id="a number without end"),
        pytest.param(_changed(lambda written: written.update(signature="x")), id="a signature that is none"),
        *(
            pytest.param(
                _changed(partial(_with, "signature", {"key": BACKUP_KEYS.signing, "code": "0" * 64, name: "\ud800"})),
                id=f"half a {name}",
            )
            for name in ("key", "code")
        ),
        pytest.param(_changed(lambda written: written["signature"].update(code="한글")), id="a code of other letters"),
        *(
            pytest.param(
                _changed(partial(_with, name, moment), unsigned=unsigned),
                id=f"{'unsigned' if unsigned else 'signed'} {name} {moment[:4]}",
            )
            for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00Z")
            for name in ("taken_at", "finished_at")
            for unsigned in (False, True)
        ),
        pytest.param(_changed(lambda written: written["tables"].append(written["tables"][0])), id="a table twice"),
        pytest.param(_changed(lambda written: written.update(more=1), unsigned=True), id="a field that there is not"),
    ],
)
def test_what_is_no_manifest_is_unreadable_and_says_why(content: bytes) -> None:
    found = _judged(content)
    assert (found.state, bool(found.reason), bool(found.reason_ko)) == (State.UNREADABLE, True, True)


NO_DAYS = [
    "junk/manifest.json",
    "manifest.json",
    "20261121/manifest.json",
    "2026-W47-6/manifest.json",
    "2026-02-30/manifest.json",
]
NO_DAYS += [
    f"{DAY}/x/manifest.json",
    f"{DAY}/manifest.json/manifest.json",
    "x\x1b[2J/manifest-7.json",
    f"{DAY} /manifest.json",
]


@pytest.mark.parametrize("name", NO_DAYS)
def test_a_name_that_is_no_day_is_told_and_moves_no_cursor(name: str) -> None:
    assert (is_manifest(name), day_of_name(name)) == (True, None)
    found = _judged(signed(_manifest(), BACKUP_KEYS), name=name)
    assert (found.state, found.day) == (State.UNREADABLE, None)
    assert (found.name + found.reason).isprintable()


@pytest.mark.parametrize(
    "name", ["junk", f"{DAY}/customers.copy.gz", f"{DAY}/manifest.json.bak", f"{DAY}/manifest-x.json"]
)
def test_what_is_named_otherwise_is_no_manifest(name: str) -> None:
    assert not is_manifest(name)


def test_what_a_manifest_says_moves_no_cursor() -> None:
    found = _judged(_changed(lambda written: written["tables"][0].update(object="\x1b[2J" * 300), unsigned=True))
    assert (found.reason.isprintable(), len(found.reason) < 2_000) == (True, True)


def _of_state(state: State, place: int = 0) -> Found:
    return Found(manifest_name(DAY, place), DAY, state, "why", "왜", None, _manifest(bucket=f"{state}-{place}"))


def test_the_latest_is_the_newest_signed_one_whatever_else_there_is() -> None:
    others = [_of_state(state) for state in State if state is not State.SIGNED]
    assert (
        choose([*others, _of_state(State.SIGNED), _of_state(State.SIGNED, 1)], "latest", unsigned=False).bucket
        == "signed-0"
    )
    with pytest.raises(BackupError, match="no_backup"):
        choose(others, "latest", unsigned=False)


@pytest.mark.parametrize(
    ("state", "code", "with_the_flag"),
    [
        (State.UNSIGNED, "unsigned_backup", True),
        (State.UNVERIFIED, "unverified_backup", True),
        (State.FORGED, "forged_backup", False),
        (State.FUTURE, "future_backup", False),
        (State.UNREADABLE, "damaged", False),
    ],
)
def test_a_day_without_a_signed_one_says_what_it_has(state: State, code: str, with_the_flag: bool) -> None:
    found = [_of_state(State.UNREADABLE, 12), _of_state(state, 2), _of_state(state, 1)]
    with pytest.raises(BackupError, match=code):
        choose(found, DAY.isoformat(), unsigned=False)
    if with_the_flag:
        assert choose(found, DAY.isoformat(), unsigned=True).bucket == f"{state}-1"
    else:
        with pytest.raises(BackupError, match=code):
            choose(found, DAY.isoformat(), unsigned=True)


def test_a_signed_one_is_taken_before_one_that_is_not() -> None:
    found = [_of_state(State.UNSIGNED), _of_state(State.SIGNED, 1)]
    assert choose(found, DAY.isoformat(), unsigned=True).bucket == "signed-1"
