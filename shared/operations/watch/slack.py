"""What people read of a notice, in Slack's notation."""

from __future__ import annotations

from shared.operations.watch.rules import OTHER, RULES
from shared.operations.watch.store import Notice
from shared.platform.clock import SEOUL
from shared.platform.masking import mask_phones


def write(notice: Notice, runbook_url: str) -> str:
    """A notice in Slack's mrkdwn: titles, whose, value and limit, what to do and where it is explained."""
    kind = notice.kind if notice.kind in RULES else OTHER
    rule = RULES[kind]
    sign, when = _word(notice, f"since {notice.since.astimezone(SEOUL):%m-%d %H:%M} (Seoul)")
    lines = [f"{sign} *{rule.korean}*", f"*{rule.english}*", when]
    if notice.tenant:
        lines.append(f"Tenant: `{_escaped(notice.tenant)}`")
    measured = " · ".join(
        part
        for part in (notice.value and f"value {notice.value}", notice.threshold and f"limit {notice.threshold}")
        if part
    )
    lines += [_escaped(mask_phones(part)) for part in (measured, notice.detail) if part]
    if notice.firing:
        lines.append(f"*Do:* {_escaped(rule.do)}")
    page = f"{runbook_url.rstrip('/')}/{kind}.md"
    lines.append(f"<{page}|Runbook: {kind}>" if page.startswith("http") else f"Runbook: {page}")
    return "\n".join(lines)


def _word(notice: Notice, since: str) -> tuple[str, str]:
    """The sign and the line that say what has become of it."""
    if notice.firing:
        if notice.told:
            return ":hourglass:", f"계속됨 · still open {since}"
        return ":rotating_light:", f"발생 · open {since}"
    if notice.told:
        return ":white_check_mark:", f"해결됨 · over {since}"
    return ":white_check_mark:", f"있었고 지금은 해결됨 · was open, over {since}"


def _escaped(text: str) -> str:
    """https://docs.slack.dev/messaging/formatting-message-text#escaping"""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
