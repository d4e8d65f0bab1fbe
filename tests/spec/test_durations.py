"""Durations are Go's: what is written is read, and what is sent is what the docker plugin reads back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colorway.spec.fields import LONGEST, go_duration, parse_duration, whole_seconds

WRITTEN = {
    "500ms": timedelta(milliseconds=500),
    "1ms": timedelta(milliseconds=1),
    "30s": timedelta(seconds=30),
    "1.5s": timedelta(seconds=1.5),
    "0.25s": timedelta(milliseconds=250),
    "90s": timedelta(seconds=90),
    "1m30s": timedelta(seconds=90),
    "2m": timedelta(minutes=2),
    "1h": timedelta(hours=1),
    "1h5s": timedelta(hours=1, seconds=5),
    "1h0m5s": timedelta(hours=1, seconds=5),
    "1h2m3s4ms": timedelta(hours=1, minutes=2, seconds=3, milliseconds=4),
    "007s": timedelta(seconds=7),
    "0s": timedelta(),
    "87600h": LONGEST,
}
SHORT = {
    timedelta(): "0s",
    timedelta(milliseconds=1): "1ms",
    timedelta(milliseconds=500): "500ms",
    timedelta(milliseconds=999): "999ms",
    timedelta(seconds=1): "1s",
    timedelta(seconds=1.5): "1.5s",
    timedelta(seconds=59, milliseconds=999): "59.999s",
    timedelta(seconds=60): "1m",
    timedelta(seconds=60, milliseconds=500): "1m0.5s",
    timedelta(seconds=90): "1m30s",
    timedelta(minutes=10): "10m",
    timedelta(hours=1): "1h",
    timedelta(hours=1, seconds=5): "1h0m5s",
    timedelta(hours=1, milliseconds=5): "1h0m0.005s",
    timedelta(hours=1, minutes=30): "1h30m",
    timedelta(hours=20): "20h",
    timedelta(hours=360): "360h",
    timedelta(days=1): "24h",
}
NONE = [
    *(
        "",
        "30",
        "s",
        "-5s",
        "+5s",
        "5 s",
        " 5s",
        "5s ",
        "5s\n",
        "5S",
        "5sec",
        "5d",
        "1s1m",
        "1ms1s",
        "1.5",
        ".5s",
        "1.s",
    ),
    *("1.5m", "1.5h", "1.2345s", "1,5s", "1e3s", "0x5s", "٣s", "৫s", "1h1h", "∞", "5µs", "5us", "5ns", "P1D", "null"),
]


def go_string(value: timedelta) -> str:
    """Return what Go's `Duration.String` prints, and the plugin's `shortDur` makes of it."""
    micros = value // timedelta(microseconds=1)
    if micros == 0:
        return "0s"
    if micros < 1_000_000:
        return f"{micros // 1000}ms"
    minutes, rest = divmod(micros, 60_000_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest // 1_000_000}.{rest % 1_000_000:06}".rstrip("0").rstrip(".") + "s"
    whole = f"{hours}h{minutes}m{seconds}" if hours else f"{minutes}m{seconds}" if minutes else seconds
    whole = whole[:-2] if whole.endswith("m0s") else whole
    return whole[:-2] if whole.endswith("h0m") else whole


durations = st.integers(0, LONGEST // timedelta(milliseconds=1)).map(lambda millis: timedelta(milliseconds=millis))
everyday = st.builds(
    lambda hours, minutes, seconds, millis: timedelta(
        hours=hours, minutes=minutes, seconds=seconds, milliseconds=millis
    ),
    st.sampled_from([0, 1, 10, 24]),
    st.sampled_from([0, 1, 10, 59]),
    st.sampled_from([0, 1, 10, 59]),
    st.sampled_from([0, 1, 5, 500, 999]),
)


@pytest.mark.parametrize("text", WRITTEN)
def test_a_duration_is_read(text):
    assert parse_duration(text) == WRITTEN[text]


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_duration_is_refused_in_words(text):
    with pytest.raises(ValueError, match="is no duration; write a number with its unit"):
        parse_duration(text)


@pytest.mark.parametrize("value", [30, 1.5, True, None, [], {}, b"30s"])
def test_a_value_without_unit_is_refused_in_words(value):
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(value)


@pytest.mark.parametrize("text", ["87601h", "9" * 30 + "h", "9" * 5000 + "s", "9" * 4000 + "ms"])
def test_centuries_are_refused_in_words(text):
    with pytest.raises(ValueError, match="is longer than ten years"):
        parse_duration(text)


@pytest.mark.parametrize("value", SHORT, ids=str)
def test_the_short_form_is_written(value):
    assert go_duration(value) == SHORT[value], "the plugin would read back another text, and every `up` would differ"


@settings(max_examples=300)
@given(value=st.one_of(durations, everyday))
def test_what_is_written_is_gos_short_form_and_is_read_back(value):
    text = go_duration(value)
    assert text == go_string(value)
    assert parse_duration(text) == value


@given(value=durations)
def test_whole_seconds_are_never_too_few(value):
    assert timedelta(0) <= timedelta(seconds=whole_seconds(value)) - value < timedelta(seconds=1)


def test_a_duration_of_the_code_is_taken_as_it_is():
    assert parse_duration(timedelta(seconds=3)) == timedelta(seconds=3)
