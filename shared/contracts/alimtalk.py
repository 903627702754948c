"""AlimTalk in Kakao's words: what its templates are made of, and what is thought of them."""

from typing import Literal

Approval = Literal["draft", "submitted", "approved", "rejected", "retired"]
"""Not asked yet, asked, said yes, said no; retired: Kakao has put it to sleep or taken it away."""

MessageType = Literal["BA", "EX", "AD", "MI"]
"""Basic; with extra information; with the button that adds the channel; with both."""

ButtonKind = Literal["WL", "AL", "DS", "BK", "MD", "BC", "BT", "AC", "TN"]
"""Opens a page, an app; follows a parcel; sends the text on as a keyword, as a message; turns to a person, to a bot;
adds the channel; calls."""

NOT_REACHED = frozenset({"3018", "3019", "3020", "3021"})
"""Kakao's codes, which NHN Cloud, SENS and Aligo hand on, for a customer who can't be reached there for now: a phone
that is not in use, no KakaoTalk, the channel blocked, an app that is too old."""
