"""KakaoTalk's message API, as far as it sends to oneself."""
