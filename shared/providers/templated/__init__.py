"""Where AlimTalk templates are registered and inspected. A new provider is one module and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from shared.platform.clock import Clock
from shared.platform.settings import Settings
from shared.providers.templated.base import TemplatedProvider


def templated_providers(settings: Settings, clock: Clock) -> Mapping[str, TemplatedProvider]:
    """Every provider of templates by name."""
    from shared.providers.nhn.kakao import NhnKakao
    from shared.providers.solapi import Solapi
    from shared.providers.templated.nhn import NhnTemplates
    from shared.providers.templated.solapi import SolapiTemplates

    known: tuple[TemplatedProvider, ...] = (
        SolapiTemplates(Solapi(settings.solapi_url, clock)),
        NhnTemplates(NhnKakao(settings.nhn_kakao_url)),
    )
    return {provider.name: provider for provider in known}
