"""KakaoTalk behind the providers of AlimTalk: what it says of a template's words, and of a recipient."""
