"""The profile of single ways."""

import pytest

from bench.profile.__main__ import WAYS, main, run


async def test_each_way_is_measured_on_a_postgres_of_its_own() -> None:
    found = await run(list(WAYS), 5, 1, None)
    assert found.keys() == WAYS.keys()
    assert all(spent > 0 for spent in found.values())


def test_a_way_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["outtake"])
    assert "intake" in capsys.readouterr().err
