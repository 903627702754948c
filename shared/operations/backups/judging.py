"""What a manifest in the bucket is worth.

Whoever can write there can put anything there: it is told, with the reason, and stops nothing.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from shared.operations.backups.manifest import MOST_BYTES, BackupError, Manifest, day_of_name, vouches
from shared.operations.backups.signing import Signature, SigningKeys, UnknownKeyError
from shared.platform.clock import day_of

MOST_SHOWN = 300
"""Characters of what a manifest says."""

CLOCK_TOLERANCE = dt.timedelta(hours=1)
"""By how much the clock of who took a backup may be ahead of ours."""


class State(StrEnum):
    """Whether a backup is one of ours.

    SIGNED: just this was written, here and for this day, by who has the key.
    UNSIGNED: from before backups were signed, or anybody's. UNVERIFIED: signed with a key that is not loaded.
    FORGED: it was not written like this, or not for this day or bucket. FUTURE: nobody can have taken it yet.
    UNREADABLE: it is no manifest.
    """

    SIGNED = "signed"
    UNSIGNED = "unsigned"
    UNVERIFIED = "unverified"
    FORGED = "forged"
    FUTURE = "future"
    UNREADABLE = "unreadable"


REFUSED: dict[State, tuple[str, str]] = {
    State.UNSIGNED: ("unsigned_backup", "--unsigned restores it all the same, if you know who wrote it"),
    State.UNVERIFIED: ("unverified_backup", "set ALLIM_BACKUP_KEY; --unsigned restores it without"),
    State.FORGED: ("forged_backup", "find out who can write into the bucket, and use another day"),
    State.FUTURE: ("future_backup", "use another day, or put this machine's clock right"),
    State.UNREADABLE: ("damaged", "use another day"),
}
"""Of each state in which a backup is not restored, the error's code, and what to do."""


@dataclass(frozen=True, slots=True)
class Found:
    """A manifest in the bucket.

    name: of its object, as it can be shown. day: of its folder; None in one that is no day's.
    state: what it is worth, and if it is not signed why, in English and Korean.
    key: the id of the key that it says it is signed with. manifest: None where it can't be read.
    """

    name: str
    day: dt.date | None
    state: State
    reason: str = ""
    reason_ko: str = ""
    key: str | None = None
    manifest: Manifest | None = None


def judge(name: str, content: bytes, *, bucket: str, keys: SigningKeys | None, now: dt.datetime) -> Found:
    """What a manifest is worth; never fails.

    Args:
        name: of the object.
        content: its bytes, or the first of them if they are more than `MOST_BYTES`.
        bucket: the name of the bucket that backups must have been written to.
        keys: that may have signed it; None where there are none.
        now: the moment by which a day is in the future.
    """
    day, shown = day_of_name(name), _printable(name)
    if day is None:
        reason = f"{shown.rpartition('/')[0] or shown} is no day such as 2026-11-21"
        return Found(shown, None, State.UNREADABLE, reason, "폴더 이름이 날짜가 아닙니다.")
    try:
        written, signature, manifest = _read(content)
    except ValueError as error:
        return Found(shown, day, State.UNREADABLE, _printable(str(error)), "매니페스트를 읽을 수 없습니다.")
    state, reason, reason_ko = _state(day, manifest, written, signature, bucket, keys, now)
    key = _printable(signature.key) if signature else None
    return Found(shown, day, state, _printable(reason), reason_ko, key, manifest)


def _read(content: bytes) -> tuple[dict[str, Any], Signature | None, Manifest]:
    """The manifest as it is written, without its signature; its signature; and what it says.

    Raises:
        ValueError: why it can't be read.
    """
    if len(content) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
    try:
        written = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError("it is no JSON") from error
    if not isinstance(written, dict):
        raise ValueError("it is no JSON object")
    given = written.pop("signature", None)
    signature = None
    if given is not None:
        if not isinstance(given, dict) or {*given} != {"key", "code"} or not all(map(_is_text, given.values())):
            raise ValueError("its signature is none")
        signature = Signature(given["key"], given["code"])
    try:
        return written, signature, Manifest.model_validate_json(json.dumps(written))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}") from error


def _printable(text: str) -> str:
    """A stranger's words for a terminal: not too many, and no character that moves the cursor."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text[:MOST_SHOWN])


def _is_text(value: object) -> bool:
    """As keys and codes are written; half of a surrogate pair, which JSON can hold, has no bytes to compare."""
    return isinstance(value, str) and value.isascii() and len(value) <= 64


def _state(
    day: dt.date,
    manifest: Manifest,
    written: dict[str, Any],
    signature: Signature | None,
    bucket: str,
    keys: SigningKeys | None,
    now: dt.datetime,
) -> tuple[State, str, str]:
    unknown = ""
    if signature is not None:
        try:
            if keys is None:
                unknown = f"signed with the key {signature.key}, and ALLIM_BACKUP_KEY is not set"
            elif not vouches(keys, signature, written):
                return State.FORGED, "it is not what was signed", "서명된 내용과 다릅니다."
        except UnknownKeyError as error:
            unknown = error.detail
        if manifest.bucket != bucket:
            reason = f"it was written to the bucket {manifest.bucket}, not to {bucket}"
            return State.FORGED, reason, "다른 버킷의 백업입니다."
    if manifest.day != day or day_of(manifest.taken_at) != day:
        reason = f"it speaks of {manifest.day}, taken on {day_of(manifest.taken_at)}, and is in the folder of {day}"
        return State.FORGED, reason, "다른 날의 매니페스트입니다."
    if manifest.taken_at > now + CLOCK_TOLERANCE:
        return State.FUTURE, f"taken at {manifest.taken_at.isoformat()}, which is to come", "아직 오지 않은 날입니다."
    if unknown:
        return State.UNVERIFIED, unknown, "서명한 키가 없어 확인할 수 없습니다."
    if signature is None:
        return State.UNSIGNED, "nobody vouches for it", "서명이 없습니다."
    return State.SIGNED, "", ""


def choose(found: list[Found], named: str, *, unsigned: bool) -> Manifest:
    """The backup that is meant.

    Args:
        found: newest first.
        named: a day such as `2026-11-21`, or `latest`: the newest that is signed.
        unsigned: whether that day's may also be one that nobody here can vouch for.

    Raises:
        BackupError: `no_backup`, `bad_name`, or what that day's is instead of signed.
    """
    day = None if named == "latest" else _day(named)
    signed = [one for one in found if one.state is State.SIGNED and day in (None, one.day)]
    others = [one for one in found if day is not None and one.day == day and one not in signed]
    others.sort(key=lambda one: (len(one.name), one.name))  # by their places: what came first can't be overwritten
    taken = signed or [one for one in others if unsigned and one.state in (State.UNSIGNED, State.UNVERIFIED)]
    for one in taken:
        if one.manifest is not None:
            return one.manifest
    for state, (code, what_to_do) in REFUSED.items():
        for one in others:
            if one.state is state:
                detail = f"{one.name}: {one.reason} ({one.reason_ko}): {what_to_do}"
                raise BackupError(code, detail)
    what = "signed backup" if day is None else f"backup of {day}"
    raise BackupError("no_backup", f"there is no {what}: see --list (백업이 없습니다.)")


def _day(named: str) -> dt.date:
    try:
        return dt.date.fromisoformat(named)
    except ValueError as error:
        raise BackupError("bad_name", f"{named!r} is neither a day such as 2026-11-21 nor latest") from error
