"""What the columns of a header say, however people write their names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.customers.files.problems import repeated_columns
from shared.customers.words import ATTRIBUTES

Names = Mapping[str, Sequence[str]]
"""By what a column says, its other names, folded."""

CUSTOMER: Names = {
    "id": ("customerid", "고객번호", "고객id", "고객아이디", "회원번호", "회원id", "아이디"),
    "phone": (
        "phonenumber",
        "mobile",
        "mobilephone",
        "mobilenumber",
        "cellphone",
        "휴대폰",
        "휴대폰번호",
        "휴대전화",
        "휴대전화번호",
        "핸드폰",
        "핸드폰번호",
        "전화번호",
        "연락처",
    ),
    "name": ("이름", "성명", "고객명"),
    "email": ("이메일",),
    "company": ("회사", "회사명"),
    "status": (),
    "plan": (),
    "locale": (),
    "devices": ("devicetokens", "pushtokens", "기기", "푸시토큰"),
}
MEMBER: Names = {
    "group": ("groupid", "그룹", "그룹번호", "그룹id"),
    "name": ("groupname", "그룹명", "그룹이름", "이름"),
    "customer": ("customerid", "고객", "고객번호", "고객id", "고객아이디"),
}

_DECORATION = re.compile(r"\([^()]*\)|[\s_\-*\u00ad\u200b\u2060\ufeff]+")
_OF_CUSTOMER = "customer."
_OF_ATTRIBUTES = f"{ATTRIBUTES}."
_OF_DATA = "data."


def folded(name: str) -> str:
    """A name as it is compared: `Phone Number `, `phone_number*` and `PHONE-NUMBER (digits)` are one."""
    return _DECORATION.sub("", unicodedata.normalize("NFKC", name)).casefold()


def tidy(name: str) -> str:
    """A name as it is kept: its letters composed, as templates have them, and no space around it."""
    return unicodedata.normalize("NFC", name).strip("\ufeff\u200b \t\r\n\u00a0\u3000")


def columns_named(names: Names, required: Sequence[str], header: Sequence[str], file: str) -> dict[str, int]:
    """Where the columns are that say one of `names`; those that say nothing of the kind are left out.

    A column of just that name counts before one of its other names. Of two that have other names, none counts.

    Raises:
        FileError: `repeated_column`, when two columns have the name, or two may be what is required.
    """
    words = [folded(name.removeprefix(_OF_CUSTOMER)) for name in header]
    found = {}
    for said, others in names.items():
        exact = [i for i, word in enumerate(words) if word == said]
        at = exact or [i for i, word in enumerate(words) if word in others]
        if len(at) > 1 and not exact and said not in required:
            continue
        if len(at) > 1:
            which = " and ".join(header[i] for i in at)
            raise repeated_columns(
                file,
                f"has {which}, and each could be {said}: call the one that counts {said}",
                f"{which} 열이 모두 {said}(으)로 읽힙니다. 사용할 열의 이름을 {said}(으)로 바꿔 주세요.",
            )
        if at:
            found[said] = at[0]
    return found


@dataclass(frozen=True, slots=True)
class Further:
    """A column that is no field of a customer. `attribute`, `data`: the path it is reached by there, or None."""

    at: int
    attribute: str | None
    data: str | None


def further_columns(header: Sequence[str], fields: Mapping[str, int], file: str) -> list[Further]:
    """What the other columns say: `customer.attributes.동` and `attributes.동` an attribute, `data.동` something of one
    send alone, and `동` either.

    Args:
        header: the names, tidy.
        fields: where the fields of a customer are. One that has another name there is reached by that as well.
        file: its name, for people.

    Raises:
        FileError: `repeated_column`, when two say the same, or one says what another has parts of.
    """
    exact = {at for said, at in fields.items() if folded(header[at].removeprefix(_OF_CUSTOMER)) == said}
    found = []
    for at, name in enumerate(header):
        if not name or at in exact:
            continue
        whole = name.removeprefix(_OF_CUSTOMER)
        if whole.startswith(_OF_ATTRIBUTES):
            found.append(Further(at, whole.removeprefix(_OF_ATTRIBUTES), None))
        elif name.startswith(_OF_DATA):
            found.append(Further(at, None, name.removeprefix(_OF_DATA)))
        else:
            found.append(Further(at, None if at in fields.values() else name, name))
    _check_paths(header, found, [column.attribute for column in found], file)
    _check_paths(header, found, [column.data for column in found], file)
    return found


def _check_paths(header: Sequence[str], columns: Sequence[Further], paths: Sequence[str | None], file: str) -> None:
    seen: dict[str, str] = {}
    for column, path in zip(columns, paths, strict=True):
        if path is None:
            continue
        name = header[column.at]
        if (other := seen.get(path)) is not None:
            told = f"names {name} twice" if name == other else f"has {other} and {name}, which say the same"
            raise repeated_columns(file, told, f"{other}, {name}: 같은 열이 두 번 있습니다.")
        seen[path] = name
    for path, name in seen.items():
        *folders, _ = path.split(".")
        for end in range(1, len(folders) + 1):
            if (whole := seen.get(".".join(folders[:end]))) is not None:
                told = f"has {whole} and {name}, which exclude each other"
                raise repeated_columns(file, told, f"{whole} 열과 {name} 열은 함께 쓸 수 없습니다.")
