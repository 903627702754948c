"""Sealed values name their key: one key seals, all that are loaded open."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from shared.platform.crypto import Keys, SealError, id_of_key, key_in_sql, key_of
from shared.platform.errors import AllimError
from shared.platform.settings import Settings, read_keys
from tests.databases import Migrated
from tests.world import World

OLD, NEW, OTHER = (bytes([number]) * 32 for number in (1, 2, 3))

SECRETS = st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3)
KEYRINGS = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=4, unique=True)


def as_before_keys_had_ids(key: bytes, secrets: dict[str, Any], context: str) -> bytes:
    """A value as it was sealed when there was one key."""
    nonce = os.urandom(12)
    return nonce + AESGCM(key).encrypt(nonce, json.dumps(secrets).encode(), context.encode())


@given(KEYRINGS, SECRETS, st.text(max_size=10), st.data())
def test_whoever_has_the_key_opens_a_value_whatever_other_keys_there_are(
    ring: list[bytes], secrets: dict[str, Any], context: str, data: st.DataObject
) -> None:
    sealed = Keys(ring).seal(secrets, context=context)
    assert key_of(sealed) == Keys(ring).sealing == id_of_key(ring[0])
    others = data.draw(st.permutations(ring))
    assert Keys(others).unseal(sealed, context=context) == secrets


@given(KEYRINGS, SECRETS, st.text(max_size=10), st.data())
def test_a_value_from_before_keys_had_ids_opens_by_whichever_key_sealed_it(
    ring: list[bytes], secrets: dict[str, Any], context: str, data: st.DataObject
) -> None:
    sealed = as_before_keys_had_ids(data.draw(st.sampled_from(ring)), secrets, context)
    assert key_of(sealed) is None
    assert Keys(ring).unseal(sealed, context=context) == secrets


def test_a_value_of_a_key_that_is_not_loaded_names_it() -> None:
    sealed = Keys([OTHER]).seal({}, context="a")
    with pytest.raises(SealError) as caught:
        Keys([NEW, OLD]).unseal(sealed, context="a")
    assert caught.value.code == "unknown_key"
    for key in (OTHER, NEW, OLD):
        assert id_of_key(key) in caught.value.detail


@pytest.mark.parametrize(
    ("sealed", "context"),
    [
        pytest.param(Keys([OLD]).seal({"a": "b"}, context="a"), "b", id="of another row"),
        pytest.param(Keys([OLD]).seal({"a": "b"}, context="a")[:-1], "a", id="cut"),
        pytest.param(f"key:{id_of_key(OLD)}:".encode(), "a", id="a name and nothing else"),
        pytest.param(as_before_keys_had_ids(OTHER, {}, "a"), "a", id="without an id by a key that is gone"),
        pytest.param(b"short", "a", id="too short for a seal"),
        pytest.param(b"", "a", id="nothing"),
    ],
)
def test_what_no_key_opens_is_an_error_with_a_code(sealed: bytes, context: str) -> None:
    with pytest.raises(SealError) as caught:
        Keys([NEW, OLD]).unseal(sealed, context=context)
    assert caught.value.code == "not_opened"


def test_several_keys_are_read_in_their_order() -> None:
    new, old = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
    assert read_keys(new) == (NEW,)
    assert read_keys(f"{new},{old}") == read_keys(f" {new} ,\n{old}\n") == (NEW, OLD)


@pytest.mark.parametrize("written", ["", ",", "c2hvcnQ=", "AQEB,", "not base64!", f"{'A' * 43}=,{'A' * 43}="])
def test_what_is_no_key_is_refused_and_not_repeated(written: str) -> None:
    with pytest.raises(AllimError, match="bad_key") as caught:
        read_keys(written)
    assert not written.strip(",") or written not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        pytest.param({"database_pool_size": "secret"}, "bad_setting", "DATABASE_POOL_SIZE", id="no number"),
        pytest.param({"database_pool_size": "0"}, "bad_setting", "DATABASE_POOL_SIZE", id="too small"),
        pytest.param({"database_pool_size": "51"}, "bad_setting", "DATABASE_POOL_SIZE", id="too large"),
        pytest.param({"allim_encryption_key": "secret"}, "bad_key", "ALLIM_ENCRYPTION_KEY", id="no key"),
    ],
)
def test_what_is_wrong_with_settings_is_told_without_what_they_are(
    wrong: dict[str, str], code: str, field: str
) -> None:
    with pytest.raises(AllimError) as caught:
        Settings.of({"database_url": "postgresql://a:secret@b/c", "google_cloud_project": "p", **wrong})
    assert (caught.value.code, caught.value.field) == (code, field)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("missing", ["database_url", "google_cloud_project"])
def test_settings_that_every_function_needs_are_asked_for_by_name(missing: str) -> None:
    given = {"database_url": "postgresql://", "google_cloud_project": "p"}
    with pytest.raises(AllimError, match="missing_setting") as caught:
        Settings.of({name: value for name, value in given.items() if name != missing})
    assert caught.value.field == missing.upper()


def test_settings_show_no_secret() -> None:
    secrets = {"database_url": "secret", "toss_secret_key": "secret", "slack_webhook_url": "secret"}
    settings = Settings.of({**secrets, "google_cloud_project": "p", "of_nobody": "x", "database_pool_size": "7"})
    assert "secret" not in repr(settings)
    assert (settings.database_pool_size, settings.toss_secret_key) == (7, "secret")


@pytest.mark.parametrize("url", ["", "none"])
def test_an_address_of_slack_may_be_none(url: str) -> None:
    given = {"database_url": "postgresql://", "google_cloud_project": "p", "slack_webhook_url": url}
    assert Settings.of(given).slack_webhook_url is None


async def test_the_database_reads_a_keys_id_as_python_does(module_database: Migrated) -> None:
    world = World(module_database)
    samples = [
        Keys([NEW]).seal({"a": "b"}, context="c"),
        as_before_keys_had_ids(OLD, {}, "c"),
        b"",
        b"key:0123456:",
        b"key:01234567",
        b"key:0123456g:more",
        b"\x00key:01234567:",
        b"key:01234567:",
        b"key:\\\x00\xff123:\xff",
    ]
    statement = f"select {key_in_sql('v')} as key from (values (%s::bytea)) as t (v)"  # noqa: S608 - ours
    for sample in samples:
        [row] = world.rows(statement, sample)
        assert row["key"] == (key_of(sample) or "")
    await world.close()
