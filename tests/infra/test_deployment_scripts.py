"""What docs/deploy.md runs by hand between two applies: new passwords for the functions, without a gap."""

import importlib.util
import json
import os
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import certifi
import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from psycopg.conninfo import conninfo_to_dict

from local.home import CHECKOUT
from local.postgres import with_parts
from tests.clock import NOON
from tests.databases import Migrated, roles_of_one_test
from tests.tcp_proxy import TcpProxy, proxy_to

_SCRIPT = CHECKOUT / "infra" / "scripts" / "let_roles_log_in.py"
_ROLES = {"database-url-on-send-request": "script_sender", "database-url-on-dead-letter": "script_dead"}
_SENDER, _DEAD = _ROLES
_LOGINS = [f"{role}{suffix}" for role in _ROLES.values() for suffix in ("", "_a", "_b")]

_GCLOUD = """#!/bin/sh
cd "{folder}"
echo "$@" >>calls
case "$3" in
  list) ls | grep "^$4\\." | sed "s/^.*\\./projects\\/1\\/secrets\\/$4\\/versions\\//" ;;
  access) cat "${{5#--secret=}}.$4" ;;
  add) next=$(($(ls | grep -c "^$4\\.") + 1)); cat >"$4.$next"; echo "projects/1/secrets/$4/versions/$next" ;;
esac
"""


@dataclass
class Cloud:
    """A `terraform` that knows two roles and what was applied last, and a `gcloud` that keeps what it is given."""

    folder: Path

    def apply(self, version: str) -> None:
        """All functions use that version of their secrets."""
        (self.folder / "secrets").write_text(json.dumps(dict.fromkeys(_ROLES, version)))

    def stored(self, secret: str = _SENDER) -> list[str]:
        """The addresses in a secret, oldest first."""
        return [file.read_text() for file in sorted(self.folder.glob(f"{secret}.*"))]

    def said(self) -> str:
        """All that `gcloud` was asked."""
        calls = self.folder / "calls"
        return calls.read_text() if calls.exists() else ""


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    cloud = Cloud(tmp_path / "cloud")
    cloud.folder.mkdir()
    (cloud.folder / "database_roles").write_text(json.dumps(_ROLES))
    (cloud.folder / "project").write_text('"allim-example"')
    monkeypatch.delenv("CLOUDSDK_CORE_PROJECT", raising=False)
    cloud.apply("1")
    programs = {
        "terraform": f'#!/bin/sh\ncat "{cloud.folder}/$4"\n',
        "gcloud": _GCLOUD.format(folder=cloud.folder),
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return cloud


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = importlib.util.spec_from_file_location("let_roles_log_in", _SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "let_roles_log_in", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "PAUSES_SECONDS", (0.05,))
    return module


@pytest.fixture
def roles(database: Migrated) -> Iterator[Migrated]:
    with roles_of_one_test(database, *_LOGINS):
        yield database


def _run(script: Any, owner: str, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setenv("DATABASE_URL", owner)
    monkeypatch.setattr(sys, "argv", ["let_roles_log_in.py", *arguments])
    script.main()


def _logs_in(address: str) -> bool:
    try:
        psycopg.connect(address).close()
    except psycopg.OperationalError:
        return False
    return True


def _user(address: str) -> str:
    return str(conninfo_to_dict(address)["user"])


def test_each_role_gets_a_password_that_its_secret_knows_and_nobody_else(
    roles: Migrated,
    script: Any,
    cloud: Cloud,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _run(script, roles.url, monkeypatch)
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [f"{_SENDER}: version 1", f"{_DEAD}: version 1"]
    for secret, role in _ROLES.items():
        [address] = cloud.stored(secret)
        assert _user(address) == f"{role}_a"
        assert _logs_in(address)
        password = str(conninfo_to_dict(address)["password"])
        assert len(password) > 40
        assert password not in printed.out + printed.err + cloud.said()


def test_logins_alternate_and_the_one_in_use_goes_on_until_it_is_ended(
    roles: Migrated, script: Any, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(script, roles.url, monkeypatch)
    _run(script, roles.url, monkeypatch)  # now version 1 is in use, and nobody has applied version 2
    _run(script, roles.url, monkeypatch)
    first, second, third = cloud.stored()
    assert [_user(address) for address in (first, second, third)] == ["script_sender_a", *["script_sender_b"] * 2]
    assert [_logs_in(address) for address in (first, second, third)] == [True, False, True]

    cloud.apply("3")
    _run(script, roles.url, monkeypatch, "--end-others")
    assert [_logs_in(address) for address in (first, third)] == [False, True]

    _run(script, roles.url, monkeypatch)
    assert _user(cloud.stored()[-1]) == "script_sender_a"
    assert [_logs_in(address) for address in (third, cloud.stored()[-1])] == [True, True]


def test_a_role_that_logged_in_itself_hands_over_to_its_logins(
    roles: Migrated, script: Any, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = with_parts(roles.url, user="script_sender", password="of-old")
    for secret, role in _ROLES.items():
        (cloud.folder / f"{secret}.1").write_text(with_parts(roles.url, user=role, password="of-old"))
        with psycopg.connect(roles.url) as connection:
            connection.execute(f"alter role {role} login password 'of-old'".encode())
    _run(script, roles.url, monkeypatch)
    assert _logs_in(address)
    cloud.apply("2")
    _run(script, roles.url, monkeypatch, "--end-others")
    assert not _logs_in(address)
    assert _logs_in(cloud.stored()[1])


def test_logins_that_are_not_in_use_are_not_ended_before_the_one_in_use_was_tried(
    roles: Migrated, script: Any, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "PATIENCE_SECONDS", 0.1)
    with pytest.raises(SystemExit, match="not_in_use"):
        _run(script, roles.url, monkeypatch, "--end-others")
    _run(script, roles.url, monkeypatch)
    (cloud.folder / f"{_SENDER}.2").write_text(with_parts(cloud.stored()[0], password="wrong"))
    (cloud.folder / f"{_DEAD}.2").write_text(cloud.stored(_DEAD)[0])
    cloud.apply("2")
    with pytest.raises(SystemExit, match="no_login"):
        _run(script, roles.url, monkeypatch, "--end-others")
    assert _logs_in(cloud.stored()[0])
    assert _logs_in(cloud.stored(_DEAD)[0])


def test_secrets_are_those_of_the_project_that_was_applied_and_of_no_other(
    roles: Migrated, script: Any, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDSDK_CORE_PROJECT", "allim-staging")
    with pytest.raises(SystemExit, match=r"other_project: .* allim-example, .* allim-staging"):
        _run(script, roles.url, monkeypatch)
    assert cloud.said() == ""
    monkeypatch.setenv("CLOUDSDK_CORE_PROJECT", "allim-example")
    _run(script, roles.url, monkeypatch)
    calls = cloud.said().splitlines()
    assert calls
    assert [call for call in calls if not call.endswith("--project=allim-example")] == []


def test_what_is_not_ready_is_said_in_a_sentence(
    roles: Migrated, script: Any, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match="no_database_url"):
        _run(script, "", monkeypatch)
    (cloud.folder / "database_roles").write_text(json.dumps({_SENDER: "script_unborn"}))
    with pytest.raises(SystemExit, match=r"no_role: .*script_unborn(.|\n)*allim migrate"):
        _run(script, roles.url, monkeypatch)
    (cloud.folder / "secrets").unlink()
    with pytest.raises(SystemExit, match=r"not_done: `terraform .*applied\?"):
        _run(script, roles.url, monkeypatch)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match="not_installed: terraform"):
        _run(script, roles.url, monkeypatch)


@pytest.fixture
def network(roles: Migrated) -> Iterator[TcpProxy]:
    with proxy_to(int(conninfo_to_dict(roles.url)["port"] or 0)) as proxy:
        yield proxy


def _refusing_after_the_passwords(
    script: Any, network: TcpProxy, connections: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = script.let_roles_log_in

    def then_refuse(*arguments: Any) -> None:
        really(*arguments)
        network.refuse(connections)

    monkeypatch.setattr(script, "let_roles_log_in", then_refuse)


def test_a_pooler_that_learns_late_of_a_password_is_waited_for(
    roles: Migrated, script: Any, cloud: Cloud, network: TcpProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refusing_after_the_passwords(script, network, 5, monkeypatch)
    _run(script, with_parts(roles.url, port=network.port), monkeypatch)
    assert len(cloud.stored()) == 1
    assert conninfo_to_dict(cloud.stored()[0])["port"] == str(network.port), "it is the address that was logged in at"


def test_what_nobody_could_log_in_with_is_not_stored_and_the_functions_go_on(
    roles: Migrated, script: Any, cloud: Cloud, network: TcpProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(script, roles.url, monkeypatch)
    monkeypatch.setattr(script, "PATIENCE_SECONDS", 0.2)
    _refusing_after_the_passwords(script, network, 1_000, monkeypatch)
    with pytest.raises(SystemExit, match="no_login") as caught:
        _run(script, with_parts(roles.url, port=network.port), monkeypatch)
    assert "Nothing has changed for the functions" in str(caught.value)
    [in_use] = cloud.stored()
    assert _logs_in(in_use)


@pytest.mark.parametrize("host", ["aws-0-ap-northeast-2.pooler.supabase.com", "10.0.0.1", "localhost.example"])
def test_no_password_travels_to_another_machine_without_a_certificate(
    script: Any, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    with pytest.raises(SystemExit, match="no_tls"):
        _run(script, f"postgresql://postgres.abcdef:x@{host}:5432/postgres", monkeypatch)
    assert cloud.said() == ""


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1"])
def test_on_this_machine_there_is_none(script: Any, host: str) -> None:
    assert script.Server.of(f"host={host} user=postgres dbname=postgres", None).tls == {}


def test_a_certificate_that_is_not_there_is_said(script: Any, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="no_certificate"):
        _run(script, "postgresql://postgres@db.example/postgres", monkeypatch, "--ca", "/nowhere.crt")


def test_behind_supabases_pooler_a_role_is_named_with_its_project_and_speaks_tls(script: Any, tmp_path: Path) -> None:
    certificate = tmp_path / "ca.crt"
    certificate.touch()
    owner = "postgresql://postgres.abcdef:x@pooler.example:5432/postgres"
    given = conninfo_to_dict(script.Server.of(owner, certificate).address("script_sender_a", "p/w"))
    assert (given["user"], given["password"]) == ("script_sender_a.abcdef", "p/w")
    assert (given["host"], given["port"], given["dbname"]) == ("pooler.example", "6543", "postgres")
    assert given["sslmode"] == "require"


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate of `localhost`, signed by itself, and what serves by it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOON - timedelta(days=20_000))
        .not_valid_after(NOON + timedelta(days=20_000))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = tmp_path / "server.crt", tmp_path / "server.key"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context


@pytest.fixture
def with_tls(roles: Migrated, certificate: tuple[Path, ssl.SSLContext]) -> Iterator[str]:
    """The owner's address of a Postgres that speaks TLS: what stands before it does."""
    server = socket.create_server(("127.0.0.1", 0))
    target = int(conninfo_to_dict(roles.url)["port"] or 0)
    threading.Thread(target=_serve, args=(server, certificate[1], target), daemon=True).start()
    yield with_parts(roles.url, port=server.getsockname()[1]).replace("127.0.0.1", "localhost")
    server.close()


def _serve(server: socket.socket, context: ssl.SSLContext, target: int) -> None:
    with suppress(OSError):
        while True:
            client, _ = server.accept()
            threading.Thread(target=_speak, args=(client, context, target), daemon=True).start()


def _speak(client: socket.socket, context: ssl.SSLContext, target: int) -> None:
    with suppress(OSError):
        client.recv(8)  # SSLRequest: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
        client.sendall(b"S")
        secured = context.wrap_socket(client, server_side=True)
        there = socket.create_connection(("127.0.0.1", target))
        threading.Thread(target=_copy, args=(there, secured), daemon=True).start()
        _copy(secured, there)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


def test_with_the_servers_certificate_passwords_are_renewed(
    script: Any,
    cloud: Cloud,
    with_tls: str,
    certificate: tuple[Path, ssl.SSLContext],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _run(script, with_tls, monkeypatch, "--ca", str(certificate[0]))
    [address] = cloud.stored()
    assert conninfo_to_dict(address)["sslmode"] == "require"
    assert _logs_in(address)


@pytest.mark.parametrize("wrong", ["another certificate", "another name"])
def test_a_server_that_is_another_than_the_certificate_says_is_told_no_password(
    script: Any,
    cloud: Cloud,
    with_tls: str,
    certificate: tuple[Path, ssl.SSLContext],
    monkeypatch: pytest.MonkeyPatch,
    wrong: str,
) -> None:
    if wrong == "another certificate":
        ca = Path(certifi.where())
    else:
        ca, with_tls = certificate[0], with_tls.replace("localhost", "127.0.0.1")
    with pytest.raises(SystemExit, match="no_login"):
        _run(script, with_tls, monkeypatch, "--ca", str(ca))
    assert cloud.stored() == []
