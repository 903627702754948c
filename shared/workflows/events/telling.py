"""What an event came to, in sentences: English and Korean, for people at a business."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from shared.platform.clock import SEOUL
from shared.platform.plurals import counted
from shared.workflows.outcomes import Did, Outcome

Sentences = tuple[str, str]
"""The same in English and in Korean."""

UNHEARD: Sentences = ("no workflow listened to it", "이 이벤트를 듣는 워크플로가 없었습니다")
NOT_KEPT: Sentences = ("what it came to was not kept then", "당시의 처리 결과가 기록되어 있지 않습니다")

SUSPENDED: Sentences = (
    "the tenant is suspended: what this makes waits, each message until its moment is over",
    "발송이 중지된 고객사입니다. 메시지는 유효 시간까지 대기합니다",
)

_COMPARED = {
    "gt": ("more than {}", "{} 초과"),
    "gte": ("{} or more", "{} 이상"),
    "lt": ("less than {}", "{} 미만"),
    "lte": ("{} or less", "{} 이하"),
}


_LIKE_ANOTHER_KIND = re.compile(r"[-+]?\d+(?:\.\d+)?|true|false", re.ASCII)
TEXT_KO = "글자"
_PARTS = ("in", "not_in", *_COMPARED, "exists")
"""Of a condition, in the order in which they are told: JSON in Postgres keeps none."""


def told_of(outcomes: Iterable[Outcome]) -> Sentences:
    """What one event came to in the workflows that heard it, at least one."""
    english, korean = zip(*map(told, outcomes), strict=True)
    return "; ".join(english), "; ".join(korean)


def told(outcome: Outcome) -> Sentences:
    """What an event came to in one workflow."""
    english, korean = _TOLD[outcome.did](outcome)
    steps, steps_ko = _steps(outcome)
    if outcome.suspended:
        steps = "; ".join(filter(None, [steps, SUSPENDED[0]]))
        steps_ko = "; ".join(filter(None, [steps_ko, SUSPENDED[1]]))
    return (
        f"{outcome.workflow}: {english}{f'; {steps}' if steps else ''}",
        f"{outcome.workflow}: {korean}{f'; {steps_ko}' if steps_ko else ''}",
    )


def _started(one: Outcome) -> Sentences:
    if one.run is None:
        return "it started", "시작했습니다"
    return f"it started run {one.run} for {_at(one.anchor)}", f"실행 {one.run} 시작, 기준 시각 {_at(one.anchor)}"


def _moved(one: Outcome) -> Sentences:
    return (
        f"it moved run {one.run} from {_at(one.was)} to {_at(one.anchor)}",
        f"실행 {one.run} 이동, 기준 시각 {_at(one.was)} → {_at(one.anchor)}",
    )


def _stopped(one: Outcome) -> Sentences:
    return (
        f"it stopped run {one.run}; nothing more is sent of it",
        f"실행 {one.run} 중단, 더 이상 발송하지 않습니다",
    )


def _silenced(one: Outcome) -> Sentences:
    if not one.silenced:
        return (
            f"run {one.run} has heard it; no step was left to silence",
            f"실행 {one.run}에 기록했습니다. 멈출 단계가 남아 있지 않았습니다",
        )
    steps = ", ".join(f"{number} ({_at(at)})" for number, at in one.silenced.items())
    return (
        f"it silenced {'step' if len(one.silenced) == 1 else 'steps'} {steps} of run {one.run}",
        f"실행 {one.run}의 단계 {steps} 발송 취소",
    )


def _bad_anchor(one: Outcome) -> Sentences:
    return (
        f"a dead letter (bad_anchor): {one.detail}",
        f"처리하지 못해 데드레터로 보관했습니다 (bad_anchor): 기준 시각이 올바르지 않습니다. {one.detail}",
    )


def _unmet(one: Outcome) -> Sentences:
    conditions = [_condition(unmet) for unmet in one.unmet]
    return (
        f"it did not start: {', and '.join(english for english, _ in conditions)}",
        f"시작하지 않았습니다: {', '.join(korean for _, korean in conditions)}",
    )


def _condition(unmet: Mapping[str, Any]) -> Sentences:
    path = unmet["path"]
    wanted = [_wanted(name, unmet["wanted"][name]) for name in _PARTS if name in unmet["wanted"]]
    english = f"{path} is {_written(unmet['is'])}" if "is" in unmet else f"{path} is missing"
    korean = f"{path} 값: {_written(unmet['is'], TEXT_KO)}" if "is" in unmet else f"{path} 값 없음"
    return (
        f"{english}, wanted {' and '.join(one for one, _ in wanted)}",
        f"{korean} (조건: {', '.join(one for _, one in wanted)})",
    )


def _wanted(name: str, value: Any) -> Sentences:
    """A part of a condition, as a workflow writes it."""
    if name == "exists":
        return ("any value", "값 있음") if value else ("none", "값 없음")
    if name in _COMPARED:
        english, korean = _COMPARED[name]
        return english.format(_written(value)), korean.format(_written(value, TEXT_KO))
    values, values_ko = ", ".join(map(_written, value)), ", ".join(_written(each, TEXT_KO) for each in value)
    if name == "not_in":
        return f"anything but {values}", f"{values_ko} 제외"
    return (values, values_ko) if len(value) == 1 else (f"one of {values}", f"{values_ko} 중 하나")


_TOLD: Mapping[Did, Callable[[Outcome], Sentences]] = {
    "started": _started,
    "moved": _moved,
    "stopped": _stopped,
    "silenced": _silenced,
    "unmet": _unmet,
    "bad_anchor": _bad_anchor,
    "told": lambda one: (
        f"run {one.run} has its newer words; its times stay",
        f"실행 {one.run}에 새 내용을 반영했습니다. 시각은 그대로입니다",
    ),
    "known": lambda one: (
        f"run {one.run} already knows as much or newer",
        f"실행 {one.run}에 이미 같거나 더 새로운 내용이 있습니다",
    ),
    "remembered": lambda one: (
        f"run {one.run} has not started; it remembers this for when it does",
        f"실행 {one.run}이(가) 아직 시작되지 않아, 시작될 때를 위해 기억합니다",
    ),
    "already_stopped": lambda one: (f"run {one.run} is stopped", f"실행 {one.run}은(는) 이미 중단되었습니다"),
    "no_key": lambda one: (f"it finds no key at {one.detail}", f"{one.detail} 위치에 키가 없습니다"),
}


def _steps(one: Outcome) -> Sentences:
    """What became of the steps, where they were laid."""
    english, korean = [], []
    if leaving := one.spoke - sum(one.failed.values()):
        english.append(f"{counted(leaving, 'message')} at once")
        korean.append(f"메시지 {leaving:,}건 즉시 생성")
    for reason, count in one.failed.items():
        english.append(f"{counted(count, 'message')} that can't be sent: {reason}")
        korean.append(f"보낼 수 없는 메시지 {count:,}건: {reason}")
    if one.waiting:
        first, count = min(one.waiting.values()), len(one.waiting)
        waits = "1 step waits" if count == 1 else f"{count} steps wait, the first"
        english.append(f"{waits} for {_at(first)}")
        korean.append(f"대기 중인 단계 {count}개, 첫 발송 {_at(first)}")
    if one.past:
        every = not one.spoke and not one.waiting
        were = counted(one.past, "step was", "steps were")
        english.append(f"{'every step was' if every else were} past when it happened")
        korean.append("모든 단계가 이미 지난 시각이었습니다" if every else f"이미 지난 단계 {one.past}개")
    return "; ".join(english), "; ".join(korean)


def _at(moment: dt.datetime | None) -> str:
    return f"{moment.astimezone(SEOUL):%Y-%m-%d %H:%M}" if moment else "?"


def _written(value: Any, text: str = "text") -> str:
    """As people read it. A text that looks like a number is marked by the word `text`: it is equal to none."""
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return f'"{value}" ({text})' if _LIKE_ANOTHER_KIND.fullmatch(value) else value
