"""Paths that people write into templates and workflows, checked before anything depends on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from shared.contracts.events import CustomerSnapshot
from shared.contracts.text import nearest
from shared.platform.errors import WrongValue

OPEN = None
"""Stands for the names of a root that takes any."""

_ATTRIBUTES = "attributes"

_OF_CUSTOMERS = tuple(name for name in CustomerSnapshot.model_fields if name != "devices")

OF_TEMPLATES: Mapping[str, Collection[str] | None] = {"customer": _OF_CUSTOMERS, "data": OPEN}
"""What the variables of templates reach: by the first name of a path, the names that may follow."""

OF_WORKFLOWS: Mapping[str, Collection[str] | None] = {**OF_TEMPLATES, "event": ("type", "subject")}
"""What the conditions, keys and anchors of workflows reach."""


def check_path(path: str, roots: Mapping[str, Collection[str] | None], *, at: Sequence[str | int]) -> None:
    """Raises WrongValue when a path leads to nothing that any event or customer can have: with the nearest that does.

    Args:
        path: such as `customer.name`, `data.course.title`.
        roots: `OF_TEMPLATES` or `OF_WORKFLOWS`.
        at: where it is written.
    """
    root, *names = path.split(".")
    if root not in roots:
        begins = " or ".join(f"{name}." for name in roots)
        meant = nearest(root, roots) if names else None
        better = ".".join([meant, *names] if meant else [_home_of(root), root, *names])
        raise WrongValue(
            f"{path!r} leads nowhere: a path begins with {begins}; did you mean {better}?",
            f"{path} 경로는 없습니다. {', '.join(f'{name}.' for name in roots)} 중 하나로 시작합니다. {better}인가요?",
            at=at,
        )
    if not names or not all(names) or (root, *names) == ("customer", _ATTRIBUTES):
        raise WrongValue(
            f"{path!r} names no single value; go on, for example {path.rstrip('.')}.title",
            f"{path} 안의 값 하나를 지정해 주세요. 예: {path.rstrip('.')}.title",
            at=at,
        )
    known = roots[root]
    if known is OPEN:
        return
    if names[0] not in known:
        listed = ", ".join(f"{root}.{name}" for name in known)
        own = f"; a field of your own is customer.{_ATTRIBUTES}.{names[0]}" if root == "customer" else ""
        raise WrongValue(
            f"there is no {path!r}{_meant(names[0], known, before=f'{root}.') or f'; known are {listed}'}{own}",
            f"{path} 필드는 없습니다. 쓸 수 있는 것: {listed}",
            at=at,
        )
    if len(names) > 1 and names[0] != _ATTRIBUTES:
        raise WrongValue(
            f"{path!r} goes too deep: {root}.{names[0]} is one value",
            f"{path}: {root}.{names[0]}은(는) 값 하나라서 더 들어갈 수 없습니다.",
            at=at,
        )


def _home_of(name: str) -> str:
    """The root whose name was probably left out."""
    return "customer" if name in _OF_CUSTOMERS else "data"


def _meant(given: str, known: Collection[str], after: str = "", *, before: str = "") -> str:
    found = nearest(given, known)
    return f"; did you mean {before}{found}{after}?" if found else ""
