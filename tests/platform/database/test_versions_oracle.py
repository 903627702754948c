"""Which templates and workflows get a new version when they are saved (`deciding_versions`), against plain Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.alimtalk import Approval
from shared.platform.database import Connection
from shared.templates.store import save_templates
from shared.templates.template import TemplateContent
from shared.workflows.definition import WorkflowDefinition
from shared.workflows.store import save_workflows
from tests.clock import NOON
from tests.scratch import Scratch, rows

NAMES, WORDS = ("hello", "bye"), ("one", "two", "three")
TENANT, NEIGHBOUR = "shop", "cafe"
APPROVALS: tuple[Approval, ...] = ("draft", "approved")

Saved = Mapping[str, str]
"""What is saved at once: by name, its words."""

saves = st.lists(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(WORDS)), max_size=6)


@dataclass
class Shelf:
    """What there is of one tenant: of each name every version's words, the last one active."""

    versions: dict[str, list[str]] = field(default_factory=dict)

    def save(self, given: Saved) -> dict[str, int]:
        made = {}
        for name, words in given.items():
            kept = self.versions.setdefault(name, [])
            if not kept or kept[-1] != words:
                kept.append(words)
                made[name] = len(kept)
        return made

    @property
    def rows(self) -> list[tuple[str, int, bool, str]]:
        """Name, version, whether it is active, words."""
        return [
            (name, number, number == len(kept), words)
            for name, kept in sorted(self.versions.items())
            for number, words in enumerate(kept, start=1)
        ]


TENANTS = [{"id": tenant, "name": tenant} for tenant in (TENANT, NEIGHBOUR)]


@given(saves, st.data())
async def test_a_template_has_a_new_version_where_its_words_differ_from_the_active_ones(
    scratch: Scratch, given_: Sequence[Saved], data: st.DataObject
) -> None:
    shelf, approvals = Shelf(), dict[str, Approval]()
    async with scratch.holding(tenants=TENANTS) as connection:
        await _save_templates(connection, NEIGHBOUR, {"hello": ("one", "draft")})
        for saved in given_:
            told = {name: (words, data.draw(st.sampled_from(APPROVALS))) for name, words in saved.items()}
            approvals |= {name: approval for name, (_, approval) in told.items()}
            assert await _save_templates(connection, TENANT, told) == shelf.save(saved)
        found = await rows(
            connection,
            "select v.name, v.version, v.version = t.active_version as active, v.content #>> '{sms,text}' as said"
            " from template_versions v join templates t using (tenant, name) where tenant = 'shop' order by 1, 2",
        )
        assert [tuple(row.values()) for row in found] == shelf.rows
        active = await rows(
            connection,
            "select name, approval from template_versions v join templates t using (tenant, name)"
            " where tenant = 'shop' and version = active_version",
        )
        assert {row["name"]: row["approval"] for row in active} == approvals


@given(st.lists(st.tuples(*[st.sampled_from(WORDS)] * 2, st.sampled_from([None, *APPROVALS])), max_size=6))
async def test_without_a_word_of_the_file_kakaos_stays_as_long_as_the_alimtalk(
    scratch: Scratch, saved: Sequence[tuple[str, str, Approval | None]]
) -> None:
    kept: tuple[str, Approval] | None = None
    async with scratch.holding(tenants=TENANTS) as connection:
        for alimtalk, sms, approval in saved:
            written = {"alimtalk": {"code": "KA1", "text": alimtalk}, "sms": {"text": sms}}
            contents = {"hello": (TemplateContent.model_validate(written), approval)}
            await save_templates(connection, TENANT, contents, now=NOON)
            stays = kept[1] if kept and kept[0] == alimtalk else "draft"
            kept = alimtalk, approval or stays
            [active] = await rows(
                connection,
                "select approval from template_versions v join templates t using (tenant, name)"
                " where tenant = 'shop' and version = active_version",
            )
            assert active["approval"] == kept[1]


async def _save_templates(
    connection: Connection, tenant: str, told: Mapping[str, tuple[str, Approval]]
) -> dict[str, int]:
    contents = {
        name: (TemplateContent.model_validate({"sms": {"text": words}}), approval)
        for name, (words, approval) in told.items()
    }
    return await save_templates(connection, tenant, contents, now=NOON)


@given(saves)
async def test_a_workflow_has_a_new_version_where_its_rule_differs_from_the_active_one(
    scratch: Scratch, given_: Sequence[Saved]
) -> None:
    shelf = Shelf()
    async with scratch.holding(tenants=TENANTS) as connection:
        await _save_workflows(connection, NEIGHBOUR, {"hello": "one"})
        for saved in given_:
            assert await _save_workflows(connection, TENANT, saved) == shelf.save(saved)
        found = await rows(
            connection,
            "select v.name, v.version, v.version = w.active_version as active,"
            " v.definition #>> '{steps,0,send}' as words"
            " from workflow_versions v join workflows w using (tenant, name) where tenant = 'shop' order by 1, 2",
        )
    assert [tuple(row.values()) for row in found] == shelf.rows


async def _save_workflows(connection: Connection, tenant: str, told: Saved) -> dict[str, int]:
    definitions = [
        WorkflowDefinition.model_validate({"name": name, "on": "signup", "steps": [{"send": words}]})
        for name, words in told.items()
    ]
    return await save_workflows(connection, tenant, definitions, now=NOON)
