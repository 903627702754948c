"""Which file of an earlier night is still true: that of a closed month of which nothing changed, kept apart or not."""

from __future__ import annotations

import datetime as dt
import zlib

from shared.operations.backups.manifest import KEPT_NIGHTS, Manifest, TableFile, nights_of
from shared.operations.backups.store import Part

SPREAD_NIGHTS = 10
"""Over so many nights it is spread when months are copied anew, lest all of history falls into one night."""


def kept_file(part: Part, last: Manifest | None, lineage: str, day: dt.date) -> TableFile | None:
    """The file that has just these rows already, if it may serve for another night.

    Args:
        part: as the snapshot has it.
        last: the newest backup of ours; None where there is none.
        lineage: the database's: of another one, or from before a restore, nothing that was counted holds here.
        day: of the backup that is taken.
    """
    if part.partition is None or part.partition.closed_at is None or last is None or last.lineage != lineage:
        return None
    for file in last.tables:
        same = (file.table, file.partition, file.shape) == (part.table.name, part.partition, part.table.shape)
        if same and file.columns == tuple(part.table.columns):
            nights = nights_of(file, day)
            fresh = nights is not None and 0 <= nights < _nights_kept(part.name)
            return file.model_copy(update={"apart": part.apart}) if fresh else None
    return None


def _nights_kept(name: str) -> int:
    return KEPT_NIGHTS - zlib.crc32(name.encode()) % SPREAD_NIGHTS
