"""NHN Cloud on the wire: its SMS, and its KakaoTalk messages, which are two services with keys of their own."""
