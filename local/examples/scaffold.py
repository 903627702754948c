"""The files of a new business: little enough to be read at once, and enough for a first message."""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Sequence
from pathlib import Path

from shared.contracts.values import TENANT_ID
from shared.platform.clock import SEOUL
from shared.platform.errors import AllimError

_NAME = re.compile(r"[^\x00-\x1f\"\\{}#]{1,40}")

FILES = {
    "tenant.yaml": """\
id: <id>
name: "<name>"
# These credentials open the simulator on this machine and nothing else. For real messages put in those of your account
# at SOLAPI, and a sender number that is registered there.
account:
  id: main
  provider: solapi
  sender: "0212345678"
  kakao_channel: PF<key>
  api_key: NCS<key>
  api_secret: local-only-<key>
  webhook_secret: local-only-<key>
""",
    "templates/welcome.yaml": """\
name: welcome
approval: approved                  # what Kakao says of the AlimTalk; if not approved, SMS takes the message
variables:
  이름: customer.name
alimtalk:
  code: KA01TP-<id>-welcome         # the provider's template id
  text: |-
    [<name>] 가입 완료 안내

    #{이름}님, 회원 가입이 완료되었습니다.
sms:
  text: "[<name>] #{이름}님, 회원 가입이 완료되었습니다."
""",
    "workflows/welcome.yaml": """\
name: welcome
on: customer.joined                 # the type of the event that starts it
valid_for: 1d                       # how late it may be said
steps:
  - {send: welcome}
""",
    "customers.csv": "id,name,phone\n",
    "groups.csv": "group,name,customer\n",
    "first-event.json": """\
{
  "specversion": "1.0",
  "id": "first",
  "source": "//<id>.example",
  "type": "customer.joined",
  "time": "<now>",
  "tenant": "<id>",
  "data": {"customer": {"id": "c-1", "name": "홍길동", "phone": "010-9000-4000"}}
}
""",
}


class ScaffoldError(AllimError):
    """No file was written: `not_empty`, `bad_id`, `bad_name`."""


def scaffold(folder: Path, tenant: str, name: str | None, now: dt.datetime) -> Sequence[Path]:
    """Write a business that can be added as it is, and its first event.

    Args:
        folder: empty, or not there yet.
        tenant: the id.
        name: what people call it; the id unless told.
        now: when its first event happens.

    Returns:
        What was written.

    Raises:
        ScaffoldError: `not_empty`: the folder holds something; `bad_id`, `bad_name`: they can't be used.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ScaffoldError(
            "not_empty", f"{folder} is not empty; name another", "비어 있지 않습니다. 다른 폴더를 쓰세요."
        )
    if not re.fullmatch(TENANT_ID, tenant):
        told = f"{tenant!r} can't be an id: 2 to 40 of a-z, 0-9 and -, the first a letter; give one with --id"
        told_ko = "영문 소문자로 시작하고 소문자, 숫자, -만 쓴 2~40자여야 합니다. --id로 정해 주세요."
        raise ScaffoldError("bad_id", told, told_ko, field="id")
    if not _NAME.fullmatch(name or tenant):
        told = 'a name has 1 to 40 characters, none of them " \\ { } #'
        raise ScaffoldError("bad_name", told, '이름은 40자 이하이고 " \\ { } #을 쓸 수 없습니다.', field="name")
    filled = {
        "<id>": tenant,
        "<name>": name or tenant,
        "<key>": secrets.token_hex(8).upper(),
        "<now>": now.astimezone(SEOUL).isoformat(timespec="seconds"),
    }
    written = []
    for file, text in FILES.items():
        for place, value in filled.items():
            text = text.replace(place, value)
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written
