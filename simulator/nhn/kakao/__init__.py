"""NHN Cloud's KakaoTalk messages, `https://kakaotalk-bizmessage.api.nhncloudservice.com`, as it answers on the wire."""
