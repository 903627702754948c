"""Codes, from https://docs.nhncloud.com/ko/Notification/KakaoTalk%20Bizmessage/ko/error-code/: those given here."""

from simulator.fates import Fate, Stage

SUCCESS = 0
SENTENCES = {
    0: "SUCCESS",
    -1000: "Invalid appKey.",
    -1001: "Invalid secretKey.",
    -1005: "The same 'X-NC-API-IDEMPOTENCY-KEY' was used within the last 10 minute.",
    -1016: "Not exist message.",
    -1028: "Blacklist can't use more than 14 characters in template value.",
    -1031: "All recipients failed.",
    -2000: "The field must be at less than or equal to its length.",
    -2001: "The field must not be blank.",
    -2004: "The 'recipientList' must be between 1 and 1000.",
    -2017: "Not exist plus friend.",
    -2018: "Button parameter is invalid.",
    -2019: "The content is too long.",
    -2024: "The content must be less than 1300 characters.",
    -2025: "The requestDate is past.",
    -2026: "The requestDate is too late.",
    -2027: "The date format is invalid.",
    -3001: "The template code or name exists.",
    -3002: "Field is not readable.",
    -3003: "Not exist template.",
    -3004: "Template parameter is invalid.",
    -3005: "Template status is invalid.",
    -3006: "linkMo and linkPc must contain http:// or https://.",
    -3008: "A button's name can't have variables.",
    -3012: "The template can't be modified in its status.",
    -3026: "AC button's name must be '채널 추가'.",
    -3048: "Template parameter must be less than 1300 characters.",
    -3100: "The template can't have a comment in its status.",
    -3298: "Targeting is not set.",
    -3304: "The value is out of its range.",
    -3310: "linkMo and linkPc must contain http:// or https://.",
    -3319: "The image is required.",
    -3340: "Invalid 080 number.",
    -4000: "Invalid parameter.",
    -4003: "Search is possible within one month.",
    -4007: "The file is too large.",
    -4009: "Invalid file extension.",
    -4019: "Invalid recipient number.",
    -4029: "Marketing agreement of the sender is not active.",
    -5000: "Invalid recipientNo.",
    -8002: "The image does not exist.",
    -9996: "Only application/json Content-type is supported.",
    -9999: "System error.",
}
"""The API's codes with their sentences."""

DELIVERED, NOT_AT_THESE_HOURS = "1000", "3022"
RESULTS = {
    "1000": "성공",
    "1021": "차단 상태의 카카오톡 채널",
    "2001": "메시지 전송 불가(예기치 않은 오류 발생)",
    "3005": "메시지를 발송했으나 수신 확인이 안 됨(성공 불확실)",
    "3008": "전화번호 오류",
    "3012": "카카오 통신 실패",
    "3015": "템플릿을 찾을 수 없음",
    "3016": "메시지 내용이 템플릿과 일치하지 않음",
    "3018": "메시지를 전송할 수 없음",
    "3019": "메시지를 발송할 수 없음(카카오톡 유저가 아님)",
    "3020": "메시지를 발송할 수 없음(알림톡 수신 차단)",
    "3021": "메시지를 발송할 수 없음(카카오톡 최소 버전 미지원)",
    "3022": "발송 가능한 시간이 아님",
    "3027": "메시지 버튼/바로연결이 템플릿과 일치하지 않음",
    "9999": "시스템에 문제가 발생하여 담당자가 확인 중",
}
"""What becomes of messages, with their sentences."""

_AT_KAKAO = {
    "3010": "3008",
    "3101": "1021",
    "3102": "3018",
    "3103": "3016",
    "3104": "3019",
    "3105": "3015",
    "3106": "1021",
    "3107": "3020",
    "3108": "3022",
}
"""What the fates' codes are called here; the others, which are no matter of Kakao's, are 2001."""

REFUSED_WHOLE = "1060"
"""The fate of a recipient for whom a call is refused with all others in it."""

REFUSED_NUMBER = -5000


def result_of(fate: Fate | None) -> str | None:
    """The result that a recipient's messages come to; None while nothing is heard of them."""
    if fate is None or fate.stage is Stage.DELIVERED:
        return DELIVERED
    return None if fate.stage is Stage.WAITING else _AT_KAKAO.get(fate.code, "2001")


def result_named(code: str, *, own: bool) -> str | None:
    """The result that a code names: one of this service's own, or one by which the fates are called. None: none."""
    if own:
        return code if code in RESULTS else None
    return DELIVERED if code == "4000" else _AT_KAKAO.get(code)
