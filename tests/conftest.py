"""What all tests share: one embedded Postgres a session, a copy of the schema a test, and a world in it."""

import os
from collections.abc import AsyncIterator, Iterator

import hypothesis
import pytest

from local.postgres import running
from tests.any_day import UNENDING, waits_end
from tests.clock import NOON, SettableClock
from tests.credits.ledger_world import LedgerWorld
from tests.databases import Migrated, copy_of_template, folder_for_a_server, make_template
from tests.parameter_ids import named_id
from tests.scratch import Scratch
from tests.world import World

for _elsewhere in ("DATABASE_URL", "ALLIM_ENCRYPTION_KEY", "ALLIM_BACKUP_KEY"):
    os.environ.pop(_elsewhere, None)  # a shell may name a stack in the cloud, which is no test's to touch

# The same examples each time, however busy the machine: a test that fails is one that can be run again.
hypothesis.settings.register_profile("allim", deadline=None, derandomize=True)
hypothesis.settings.load_profile("allim")


def pytest_sessionstart() -> None:
    if "faketime" in os.environ.get("LD_PRELOAD", "") and not waits_end():
        pytest.exit(UNENDING, returncode=pytest.ExitCode.USAGE_ERROR)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """The name of a value in the name of a test; pytest's own way for what has none."""
    return named_id(argname, val)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A superuser's URL of an empty embedded Postgres, the same one for the whole session."""
    with folder_for_a_server() as folder, running(folder / "postgres", durable=False) as server:
        yield server.url("postgres")


@pytest.fixture(scope="session")
def template_url(postgres_url: str) -> str:
    """The same server's, with the database that `copy_of_template` copies."""
    make_template(postgres_url)
    return postgres_url


@pytest.fixture
def database(template_url: str) -> Iterator[Migrated]:
    """A migrated, empty database for one test."""
    with copy_of_template(template_url) as copy:
        yield copy


@pytest.fixture(scope="module")
def module_database(template_url: str) -> Iterator[Migrated]:
    """A migrated, empty database that the tests of one module share."""
    with copy_of_template(template_url) as copy:
        yield copy


@pytest.fixture(scope="module")
async def shared_world(module_database: Migrated) -> AsyncIterator[World]:
    """One database for the tests of a module, each of which makes a tenant of its own."""
    world = World(module_database, SettableClock())
    yield world
    await world.close()


@pytest.fixture
def noon_world(shared_world: World) -> World:
    """A module's world at noon, of which nothing was published yet."""
    shared_world.clock.moment = NOON
    shared_world.publisher.published.clear()
    shared_world.publisher.away = False
    return shared_world


@pytest.fixture
async def ledger_world(module_database: Migrated) -> AsyncIterator[LedgerWorld]:
    """One database for the tests of a module, in which money moves; each test adds a tenant of its own."""
    world = LedgerWorld(module_database)
    yield world
    await world.close()


@pytest.fixture(scope="module")
async def scratch(module_database: Migrated) -> AsyncIterator[Scratch]:
    """A database for statements that are compared with their oracles."""
    scratch = Scratch(module_database.url)
    yield scratch
    await scratch.close()


@pytest.fixture
async def own_world(database: Migrated) -> AsyncIterator[World]:
    """A database of the test's own, for what looks at all tenants at once."""
    world = World(database, SettableClock())
    yield world
    await world.close()


@pytest.fixture
def world(own_world: World) -> World:
    """The world that a test gets unless its folder has another: `noon_world`, `ledger_world`."""
    return own_world
