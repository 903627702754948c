"""Aligo, `https://apis.aligo.in` and `https://kakaoapi.aligo.in`, as it answers on the wire."""
