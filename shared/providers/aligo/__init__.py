"""Aligo on the wire: its texts (SMS, LMS, MMS) and its AlimTalk, at two addresses with one key."""

from shared.providers.aligo.provider import Aligo

__all__ = ["Aligo"]
