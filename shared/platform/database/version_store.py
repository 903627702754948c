"""SQL of what is kept in versions. Which of the things given are new is decided in the statement that writes them."""

from __future__ import annotations


def deciding_versions(kind: str, content: str) -> str:
    """What a save changes, as parts `same` and `changed` of another statement: a thing gets a new version, one above
    the highest it ever had, only where its content is not that of its active version.

    Args:
        kind: of things: the tables are `{kind}s` and `{kind}_versions`.
        content: the column that is compared.

    Returns:
        Two parts that hold what was given, with its `version`: as it is already, or as it is going to be. The statement
        has a part `given` with a `name` and a `content`, no two of one name, and a parameter `tenant`.
    """
    return f"""same as (
  select g.*, v.version
  from given g
  join {kind}s t on t.tenant = %(tenant)s and t.name = g.name
  join {kind}_versions v on v.tenant = t.tenant and v.name = t.name and v.version = t.active_version
  where v.{content} = g.{content}
),
changed as (
  select g.*, 1 + coalesce(
    (select max(v.version) from {kind}_versions v where v.tenant = %(tenant)s and v.name = g.name), 0
  ) as version
  from given g
  where g.name not in (select name from same)
)"""
