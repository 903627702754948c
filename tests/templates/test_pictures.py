"""Which files a message can show: a JPEG of few enough bytes and points."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.templates.parts.pictures import BadPicture, check_picture, jpeg_size, name_of
from tests.templates.pictures import jpeg


@given(st.integers(1, 65_535), st.integers(1, 65_535), st.integers(0, 3), st.sampled_from([0xC0, 0xC1, 0xC2]))
def test_the_size_of_a_jpeg_is_read_from_its_frame(width: int, height: int, comments: int, frame: int) -> None:
    assert jpeg_size(jpeg(width, height, comments=comments, frame=frame)) == (width, height)


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda rest: jpeg(10, 10)[:20] + rest))
def test_whatever_the_bytes_are_they_have_a_size_or_none(content: bytes) -> None:
    size = jpeg_size(content)
    assert size is None or min(size) > 0


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param(jpeg(1_000, 1_000), None, id="as large as may be"),
        pytest.param(jpeg(1_001, 10), "image_too_large", id="too wide"),
        pytest.param(jpeg(10, 1_001), "image_too_large", id="too high"),
        pytest.param(jpeg(10, 10, size=200 * 1_024 + 1), "image_too_large", id="too many bytes"),
        pytest.param(jpeg(10, 10, size=200 * 1_024), None, id="as many bytes as may be"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(50), "image_not_jpeg", id="a PNG"),
        pytest.param(jpeg(10, 10)[:-2], "image_not_jpeg", id="cut off"),
        pytest.param(b"", "image_not_jpeg", id="nothing"),
    ],
)
def test_an_mms_carries_a_small_jpeg(content: bytes, code: str | None) -> None:
    if code is None:
        check_picture(content, "mms")
        return
    with pytest.raises(BadPicture) as refused:
        check_picture(content, "mms")
    assert refused.value.code == code
    assert refused.value.detail_ko


def test_a_picture_is_called_by_its_content() -> None:
    assert name_of(b"a") == name_of(b"a") != name_of(b"b")
    assert len(name_of(b"a")) == 68
