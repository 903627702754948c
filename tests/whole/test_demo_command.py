"""What can be seen of `allim demo` without playing it."""

from typer.testing import CliRunner

from cli.main import app


def test_the_help_has_examples() -> None:
    shown = CliRunner().invoke(app, ["demo", "--help"]).stdout
    assert "$ allim demo" in shown
    assert "--chaos" in shown


def test_a_seed_is_a_number() -> None:
    assert CliRunner().invoke(app, ["demo", "--chaos", "storm"]).exit_code == 2
