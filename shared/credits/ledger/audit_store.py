"""SQL of the audit. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any
from uuid import UUID

from shared.platform.clock import first_moment
from shared.platform.database import Connection, fetch_all
from shared.platform.ids import first_id

SNAPSHOT = "set transaction isolation level repeatable read"


async def take_snapshot(connection: Connection) -> None:
    """Have all statements of a transaction see what its first one sees. Comes first."""
    await connection.execute(SNAPSHOT)


@dataclass(frozen=True, slots=True)
class Figures:
    """What the rows of a partition say of a tenant. Those of all partitions add up.

    Of messages:
    messages: how many were held for at some time; `captured`: how many of them were charged, for nothing included.
    charged, open_holds: won of them.
    pointers: how many holds and settlements all messages name.

    Of entries:
    entries: how many there are.
    balance, held: won by which they change the two.
    spent: won of captures.
    difference: won by which they and the messages that they list disagree.
    missing: messages that they list, and that don't exist or name another entry.
    traced: holds and settlements that are named by a message which the entry lists.
    """

    messages: int = 0
    captured: int = 0
    charged: Decimal = Decimal(0)
    open_holds: Decimal = Decimal(0)
    pointers: int = 0
    entries: int = 0
    balance: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    spent: Decimal = Decimal(0)
    difference: Decimal = Decimal(0)
    missing: int = 0
    traced: int = 0

    def __add__(self, other: Figures) -> Figures:
        return Figures(*(getattr(self, name) + getattr(other, name) for name in FIGURES))


FIGURES = tuple(field.name for field in fields(Figures))
ByTenant = Mapping[str, Figures]


@dataclass(frozen=True, slots=True)
class Part:
    """A partition of `messages` or of `ledger_entries`.

    since, until: what lies from the first of these days on and before the other; None: no end.
    closed: whether `changes` counts each change of it.
    proof: the one that is in force, if one is.
    final: whether messages that this proof was made with have left, so that it can't be made again.
    """

    name: str
    parent: str
    since: dt.date | None
    until: dt.date | None
    closed: bool
    changes: int
    proof: UUID | None
    final: bool

    @property
    def moments(self) -> tuple[dt.datetime, dt.datetime]:
        """Of the entries that lie in it: at the first or later, and before the second."""
        since = first_moment(self.since) if self.since else dt.datetime.min.replace(tzinfo=dt.UTC)
        return since, first_moment(self.until) if self.until else dt.datetime.max.replace(tzinfo=dt.UTC)

    @property
    def ids(self) -> tuple[UUID, UUID]:
        """The least and the greatest of messages that lie in its months."""
        least = first_id(first_moment(self.since)) if self.since else UUID(int=0)
        return least, UUID(int=(first_id(first_moment(self.until)).int if self.until else 1 << 128) - 1)


PARTS = """
select p.name, p.parent, p.since, p.until, p.closed_at is not null as closed, p.changes,
  m.id as proof, coalesce(m.final, false) as final
from partitions p left join month_proofs m on m.part = p.name and not m.gone and in_force(m)
where p.parent in ('messages', 'ledger_entries') order by p.since nulls first, p.parent desc
"""


async def read_parts(connection: Connection) -> list[Part]:
    """The partitions that there are, the oldest first."""
    return [Part(**row) for row in await fetch_all(connection, PARTS, {})]


PROVEN = """
select tenant, sum(messages)::bigint as messages, sum(captured)::bigint as captured, sum(charged) as charged,
  sum(open_holds) as open_holds, sum(pointers)::bigint as pointers, sum(entries)::bigint as entries,
  sum(balance) as balance, sum(held) as held, sum(spent) as spent, sum(difference) as difference,
  sum(missing)::bigint as missing, sum(traced)::bigint as traced
from month_figures
where proof = any(%(proofs)s) or %(gone)s and proof in (select id from month_proofs where gone)
group by tenant
"""


async def read_proven(connection: Connection, proofs: Sequence[UUID], *, gone: bool = False) -> dict[str, Figures]:
    """The sums of some proofs, and with `gone` of those whose rows have left."""
    return await _by_tenant(connection, PROVEN, {"proofs": list(proofs), "gone": gone})


MESSAGES = """
select tenant, count(hold) as messages, count(price) filter (where hold is not null) as captured,
  coalesce(sum(price) filter (where hold is not null), 0) as charged,
  coalesce(sum(held) filter (where hold is not null and settlement is null), 0) as open_holds,
  count(hold) + count(settlement) as pointers
from messages where id between %(least)s and %(greatest)s
group by tenant having count(hold) + count(settlement) > 0
"""


async def read_messages(connection: Connection, part: Part) -> dict[str, Figures]:
    """What the messages of a partition come to."""
    least, greatest = part.ids
    return await _by_tenant(connection, MESSAGES, {"least": least, "greatest": greatest})


# A message that was delivered after its release names the capture, and the release still lists it. Messages of the
# entries' own months are joined as a whole; of another month, whose partition is not to be read, each is looked up.
ENTRIES = """
with compared as (
  select e.tenant, e.kind, e.balance_change, e.hold_change, e.reference is not null as late,
    e.kind in ('hold', 'capture', 'release', 'hold_expiry') as pays,
    coalesce(sum(m.held) filter (where n.names), 0) as held, coalesce(sum(m.price) filter (where n.names), 0) as price,
    count(listed) - count(m.id) filter (where n.names) as missing,
    count(distinct m.id) filter (where n.traces) as traced
  from ledger_entries e
  left join lateral unnest(e.messages) as listed on true
  left join messages o on o.tenant = e.tenant and o.id = listed and o.id between %(least)s and %(greatest)s
  left join lateral (
    select a.id, a.hold, a.held, a.settlement, a.price from messages a
    where a.tenant = e.tenant and a.id = listed and listed not between %(least)s and %(greatest)s
    offset 0
  ) a on true
  cross join lateral (
    select coalesce(o.id, a.id) as id, coalesce(o.hold, a.hold) as hold, coalesce(o.held, a.held) as held,
      coalesce(o.settlement, a.settlement) as settlement, coalesce(o.price, a.price) as price
  ) m
  cross join lateral (
    select
      case e.kind when 'hold' then m.hold = e.id when 'capture' then m.settlement = e.id
        else m.settlement = e.id or m.price is not null end as names,
      case e.kind when 'hold' then m.hold = e.id
        else m.settlement = e.id and (e.kind = 'capture') = (m.price is not null) end as traces
  ) n
  where e.created_at >= %(since)s and e.created_at < %(until)s
  group by e.tenant, e.id, e.created_at
)
select tenant, count(*) as entries, sum(balance_change) as balance, sum(hold_change) as held,
  coalesce(-sum(balance_change) filter (where kind = 'capture'), 0) as spent,
  coalesce(sum(case kind
    when 'hold' then abs(hold_change - held)
    when 'capture' then abs(-balance_change - price) + abs(-hold_change - case when late then 0 else held end)
    else abs(-hold_change - held) end) filter (where pays), 0) as difference,
  coalesce(sum(missing) filter (where pays), 0)::bigint as missing, sum(traced)::bigint as traced
from compared group by tenant
"""


async def read_entries(connection: Connection, part: Part) -> dict[str, Figures]:
    """What the entries of a partition come to, compared with the messages that they list, wherever those lie."""
    return await _by_tenant(connection, ENTRIES, _range(part))


LISTED = """
select distinct width_bucket(listed, %(bounds)s::uuid[]) as place
from ledger_entries e cross join unnest(e.messages) as listed
where e.created_at >= %(since)s and e.created_at < %(until)s and listed is not null
"""


async def read_listed(connection: Connection, part: Part, messages: Sequence[Part]) -> list[Part]:
    """Where those lie that the entries of a partition list, or would lie if they existed.

    Args:
        connection: in the transaction of the audit.
        part: of entries.
        messages: all partitions of messages, the oldest first.
    """
    bounds = [one.ids[0] for one in messages[1:]]
    rows = await fetch_all(connection, LISTED, {**_range(part), "bounds": bounds})
    return [messages[row["place"]] for row in rows]


def _range(part: Part) -> dict[str, Any]:
    least, greatest = part.ids
    since, until = part.moments
    return {"since": since, "until": until, "least": least, "greatest": greatest}


async def _by_tenant(connection: Connection, statement: str, parameters: dict[str, Any]) -> dict[str, Figures]:
    rows = await fetch_all(connection, statement, parameters)
    return {row.pop("tenant"): Figures(**row) for row in rows}


FORGET_PROOFS = """
delete from month_proofs m where m.part = any(%(parts)s) and not m.gone and not in_force(m)
"""
ADD_PROOF = f"""
with proof as (
  insert into month_proofs (id, part, seen, proved_at)
  values (%(id)s, %(part)s, jsonb_object(%(seen)s::text[], %(changes)s::text[]), %(now)s) returning id
)
insert into month_figures (proof, tenant, {", ".join(FIGURES)})
select proof.id, f.* from proof cross join unnest(%(tenants)s::text[], {
    ", ".join(f"%({name})s::numeric[]" for name in FIGURES)
}) as f
"""


async def forget_stale_proofs(connection: Connection, parts: Iterable[Part]) -> None:
    """Take away the proofs of some partitions that are not in force."""
    await fetch_all(connection, FORGET_PROOFS, {"parts": [part.name for part in parts]})


async def add_proof(
    connection: Connection, id_: UUID, part: Part, seen: Iterable[Part], found: ByTenant, now: dt.datetime
) -> None:
    """Keep what was found of a partition.

    Args:
        connection: in the transaction in which it was found.
        id_: of the proof.
        part: which has no proof.
        seen: the partitions from whose rows it was found.
        found: the figures.
        now: the moment.
    """
    changes = {one.name: str(one.changes) for one in seen}
    columns = {name: [getattr(figures, name) for figures in found.values()] for name in FIGURES}
    parameters = {
        "id": id_,
        "part": part.name,
        "seen": list(changes),
        "changes": list(changes.values()),
        "tenants": list(found),
        "now": now,
        **columns,
    }
    await fetch_all(connection, ADD_PROOF, parameters)


DISOWN_PROOFS = """
with disowned as (delete from month_proofs where not gone and not final)
update month_proofs set seen = jsonb_build_object(part, 0) where final and not gone
"""


async def disown_proofs(connection: Connection) -> None:
    """Have every month proven anew of which all rows are there: after a restore, changes are counted from 0, and say
    nothing of what a proof saw in another database."""
    await connection.execute(DISOWN_PROOFS)
