"""Naver Cloud's SENS on the wire: its texts (SMS, LMS, MMS) and its AlimTalk, two services of one project."""

from shared.providers.sens.provider import Sens

__all__ = ["Sens"]
