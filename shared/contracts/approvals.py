"""What Kakao thinks of the words of an AlimTalk, in ours."""

from typing import Literal

Approval = Literal["draft", "submitted", "approved", "rejected", "retired"]
"""Not asked yet, asked, said yes, said no; retired: Kakao has put it to sleep or taken it away."""
