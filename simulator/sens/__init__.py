"""Naver Cloud's SENS, its SMS, `https://sens.apigw.ntruss.com`, as it answers on the wire (API v2)."""
