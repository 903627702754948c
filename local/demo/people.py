"""The people of the demo: Korean names, phone numbers as people write them, and how each number ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import count
from random import Random

FAMILY_NAMES = "김김김김이이이박박박최최정정강조윤장임한오서신권황안송류홍전고문양손배백허유남심노하곽성차주우구민진"
GIVEN_NAMES = """
    서준 도윤 시우 하준 은우 지호 예준 이안 유준 주원 민준 건우 서진 현우 지훈 우진 선우 연우 정우 승우
    서연 서윤 지우 하윤 하은 민서 지유 윤서 채원 수아 지민 다은 은서 예은 수빈 소율 예린 시은 유나 지안
    영숙 정희 미경 은주 현정 지영 수진 동현 성훈 재현 진우 상민 태윤 민지 혜진 보라 하늘 다온 가온 나래
""".split()  # noqa: SIM905 - names are easier to read without quotes
COMPANIES = "상회 디자인 물류 공방 건축 꽃집 서점 세무회계 치과 필라테스 베이커리 스튜디오 컨설팅 유통 목장".split()  # noqa: SIM905 - likewise


class Fate(Enum):
    """How a person's number ends, and so what the provider makes of it; for most people all goes well.

    The value is the number's last four digits, or None where any from 5000 on will do.
    """

    REACHED = None
    NO_KAKAO = "3104"
    WRONG_NUMBER = "3010"
    REFUSED = "1062"
    NO_PHONE = ""
    LANDLINE = "-"

    @property
    def reached(self) -> bool:
        """Whether a message arrives in the end."""
        return self in (Fate.REACHED, Fate.NO_KAKAO)


FATES = [Fate.REACHED] * 86 + [Fate.NO_KAKAO] * 10 + [Fate.WRONG_NUMBER] * 2 + [Fate.REFUSED] + [Fate.NO_PHONE]
"""A hundred people. (A landline is rare enough to be put where it is wanted.)"""


@dataclass(frozen=True)
class Person:
    """Somebody whom a business serves.

    phone: as the business has it, in any notation; None for none.
    digits: what a provider must be given; None where no message can be sent.
    """

    tenant: str
    id: str
    name: str
    phone: str | None
    digits: str | None
    fate: Fate
    status: str = "active"
    plan: str | None = None
    company: str | None = None


class Population:
    """Makes people, no two with the same number.

    Args:
        random: decides on names and fates.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._numbers: Iterator[int] = count(1)

    def person(
        self,
        tenant: str,
        prefix: str,
        *,
        fate: Fate | None = None,
        status: str = "active",
        plan: str | None = None,
        works: bool = False,
    ) -> Person:
        """Somebody new.

        Args:
            tenant: the business that serves them.
            prefix: of their id.
            fate: how their number ends; drawn when not given.
            status: as the business has it.
            plan: likewise.
            works: whether they come with a company.
        """
        number = next(self._numbers)
        fate = fate or self._random.choice(FATES)
        phone, digits = self._phone(number, fate)
        name = self.name()
        return Person(
            tenant=tenant,
            id=f"{prefix}-{number:05d}",
            name=name,
            phone=phone,
            digits=digits,
            fate=fate,
            status=status,
            plan=plan,
            company=f"{name[1:]}{self._random.choice(COMPANIES)}" if works else None,
        )

    def name(self) -> str:
        """A family name with a given name."""
        return self._random.choice(FAMILY_NAMES) + self._random.choice(GIVEN_NAMES)

    def _phone(self, number: int, fate: Fate) -> tuple[str | None, str | None]:
        if fate is Fate.NO_PHONE:
            return None, None
        if fate is Fate.LANDLINE:
            return f"02-3456-{number:04d}", None
        last = fate.value or f"{self._random.randrange(5000, 10_000)}"
        middle = f"{number:04d}"
        notations = (
            f"010-{middle}-{last}",
            f"010{middle}{last}",
            f"+82 10-{middle}-{last}",
            f"010.{middle}.{last}",
            f"(010) {middle} {last}",
            f"010 {middle} {last}",
        )
        return self._random.choice(notations), f"010{middle}{last}"
