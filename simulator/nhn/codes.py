"""Codes, from https://docs.nhncloud.com/ko/Notification/SMS/ko/error-code/: the ones that this server gives."""

from simulator.fates import Fate, Stage

SUCCESS = 0
SENTENCES = {
    0: "SUCCESS",
    4: "Validation error.",
    -1000: "Invalid appKey.",
    -1001: "Service is not exist.",
    -1005: "Service parameter is invalid.",
    -2000: "Date format error.",
    -2001: "RecipientList can not be null.",
    -2002: "Invalid attach file name.",
    -2003: "Attach file required jpg or jpeg.",
    -2004: "File is expired or does not exist.",
    -2005: "The file size must be greater than 0 and less than 300KB.",
    -2008: "Invalid requestId.",
    -2009: "Upload attach file error.",
    -2011: "RequestId or start/endRequestDate or start/endCreateDate is required.",
    -2014: "The recipient can not be empty.",
    -2015: "Title or Body exceed maximum byte.",
    -2016: "The max recipient size is 1000.",
    -2018: "RecipientNo can not be empty.",
    -2019: "RecipientNo is invalid.",
    -2022: "requestDate is not before currentDate",
    -2023: "Unacceptable characters in title and body",
    -2052: "Exceeded the monthly sending limit.",
    -2312: "Not regist sendno.",
    -4000: "Search is possible within one month.",
    -6001: "Recipient Number is refused.",
    -9996: "Only application/json Content-type is supported.",
    -9997: "Invalid API parameters.",
    -9999: "System error. Please inquire at support@toast.com.",
}
"""The API's codes with their sentences."""

DELIVERED, TIMED_OUT, DUPLICATE = "1000", "2000", "E915"
RESULTS = {
    "1000": "성공",
    "1001": "Server Busy",
    "1003": "회신 번호 형식 오류",
    "2000": "전송 시간 초과",
    "2001": "전송 실패 (무선망단)",
    "2002": "전송 실패 (무선망 -> 단말기단)",
    "2003": "단말기 전원 꺼짐",
    "2004": "메시지 버퍼가 가득 참",
    "2005": "음영 지역",
    "2006": "메시지 삭제됨",
    "3000": "전송할 수 없음",
    "3001": "가입자 없음",
    "3002": "성인 인증 실패",
    "3003": "결번(없는 번호)",
    "3004": "단말기 서비스 일시 정지",
    "3005": "단말기 호 처리 상태",
    "3006": "착신 거절",
    "3008": "기타 단말기 문제",
    "3009": "메시지 형식 오류",
    "3010": "MMS 미지원 단말",
    "3011": "서버 오류",
    "3012": "스팸",
    "3014": "기타",
    "3015": "전송 경로 없음",
    "3017": "발신 번호 변작 방지 서비스에 의거한 번호 형식 오류",
    "3019": "사전 등록되지 않은 발신 번호",
    "E915": "중복메시지",
    "E999": "기타 오류",
}
"""The carriers' codes, and NHN's own, with their sentences."""

_AT_CARRIERS = {
    "3010": "3003",
    "3011": "3009",
    "3012": "3011",
    "3013": "1003",
    "3014": "3014",
    "3024": "3011",
    "3031": "3000",
    "3032": "3001",
    "3040": "2000",
    "3041": "1001",
    "3042": "2005",
    "3043": "2003",
    "3044": "2004",
    "3045": "3004",
    "3046": "3008",
    "3047": "3006",
    "3048": "3014",
    "3050": "3010",
    "3051": "3005",
    "3052": "2006",
    "3053": "1001",
    "3054": "3012",
    "3055": "3012",
    "3056": "2001",
    "3057": "2002",
    "3058": "3015",
    "3059": "3017",
    "3060": "3002",
    "2062": "3019",
    "2254": "3012",
}
"""What the fates' codes are called here; the others of the platform's are `E999`."""

REFUSED_WHOLE = "1060"
"""The fate of a recipient for whom a call is refused with all others in it."""


def refusal_of(fate: Fate) -> int:
    """What a recipient whose fate is to be refused is refused with."""
    return -6001 if fate.code == "1061" else -2019


def result_of(fate: Fate | None) -> str | None:
    """The result that a recipient's messages come to; None while they stay at the carrier."""
    if fate is None or fate.stage in (Stage.DELIVERED, Stage.KAKAO):
        return DELIVERED
    return None if fate.stage is Stage.WAITING else _AT_CARRIERS.get(fate.code, "E999")


def result_named(code: str, *, own: bool) -> str | None:
    """The result that a code names: one of this provider's own, or one by which the fates are called. None: none."""
    if own:
        return code if code in RESULTS else None
    return DELIVERED if code == "4000" else _AT_CARRIERS.get(code)
