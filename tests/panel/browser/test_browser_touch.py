"""Fingers on the page: touch as a screen gives it to the browser, which makes pointers, clicks and scrolling of it."""

from __future__ import annotations

from typing import Any

import pytest
from browser_house import HANDHELD, PHONE, House, Visit, spot, until

pytestmark = pytest.mark.live

FRAME_MS = 16


def swipe(page: Any, start: tuple[float, float], end: tuple[float, float], steps: int = 10) -> None:
    """A finger that comes down, moves along a straight line, and goes up."""
    screen = page.context.new_cdp_session(page)
    for kind, step in [("touchStart", 0), *(("touchMove", step) for step in range(1, steps + 1)), ("touchEnd", steps)]:
        x, y = ((1.0 - step / steps) * one + step / steps * other for one, other in zip(start, end, strict=True))
        points = [] if kind == "touchEnd" else [{"x": x, "y": y}]
        screen.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        page.wait_for_timeout(FRAME_MS)


def middle(page: Any, which: str) -> tuple[float, float]:
    box = page.locator(which).bounding_box()
    return box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"]


def bring(page: Any, which: str) -> None:
    """Have it in sight, as a key, a reader or the browser itself does."""
    page.locator(which).scroll_into_view_if_needed()


@pytest.mark.parametrize("device", HANDHELD)
def test_a_tap_draws_a_point_where_it_lands(house: House, visit: Visit, device: str) -> None:
    page = visit.open(HANDHELD[device], has_touch=True, is_mobile=True)
    bring(page, "#curve")
    page.touchscreen.tap(*spot(page, 200.0, -5.0))
    (point,) = house.wait(lambda: house.controls["curve"])
    assert point[0] == pytest.approx(200.0, rel=0.1)
    assert point[1] == pytest.approx(-5.0, abs=0.5)
    assert not house.controls["freeze"]  # which is at hand at the lower edge of a phone
    page.wait_for_selector(".curve-point")
    assert visit.complaints == []


def test_a_finger_pulls_a_point_and_taps_it_away(house: House, visit: Visit) -> None:
    page = visit.open(PHONE, has_touch=True, is_mobile=True)
    bring(page, "#curve")
    page.touchscreen.tap(*spot(page, 200.0, -5.0))
    page.wait_for_selector(".curve-point")
    swipe(page, spot(page, 200.0, -5.0), spot(page, 1000.0, 4.0))
    house.wait(lambda: house.controls["curve"] == [pytest.approx([1000.0, 4.0], rel=0.1, abs=0.5)])
    while page.locator(".curve-point").count():  # two taps are far apart where the machine is busy
        page.touchscreen.tap(*middle(page, ".curve-point"))
    house.wait(lambda: house.controls["curve"] == [])


def test_a_swipe_over_the_spectrum_scrolls_and_draws_nothing(house: House, visit: Visit) -> None:
    page = visit.open(PHONE, has_touch=True, is_mobile=True)
    bring(page, "#curve")
    top = page.evaluate("scrollY")
    swipe(page, spot(page, 100.0, -9.0), spot(page, 100.0, 11.0))
    until(page, f"Math.abs(scrollY - {top}) > 20")
    page.wait_for_timeout(300)
    assert house.controls["curve"] == []


@pytest.mark.parametrize(("fader", "control"), [("fine-tone", "fine_tone"), ("style-strength", "style_strength")])
@pytest.mark.parametrize("device", HANDHELD)
def test_faders_have_room_for_a_finger(house: House, visit: Visit, device: str, fader: str, control: str) -> None:
    house.run.command(set={control: 0.5})
    house.wait(lambda: house.controls[control] == 0.5)
    page = visit.open(HANDHELD[device], has_touch=True, is_mobile=True)
    bring(page, f"#{fader}")
    assert page.locator(f"#{fader} .tone-bar").bounding_box()["width"] > 100.0
    box = page.locator(f"#{fader}").bounding_box()
    x, y = middle(page, f"#{fader}")
    swipe(page, (x, y), (x - 0.4 * box["width"], y))
    house.wait(lambda: house.controls[control] == pytest.approx(0.1, abs=0.05))


@pytest.mark.parametrize("device", HANDHELD)
def test_what_is_brought_into_sight_is_under_nothing_that_stays(visit: Visit, device: str) -> None:
    """By the keyboard, down the page and up again."""
    page = visit.open(HANDHELD[device], has_touch=True, is_mobile=True)
    hidden = page.evaluate(
        """() => {
            const places = [...document.querySelectorAll("button, [tabindex='0'], select, input, a[href]")]
                .filter((one) => one.checkVisibility() && !one.disabled);
            return [...places, ...places.toReversed()].filter((one) => {
                one.focus();
                const { left, top, width, height } = one.getBoundingClientRect();
                const found = document.elementFromPoint(left + width / 2, top + height / 2);
                return !(one.contains(found) || found?.contains(one));
            }).map((one) => one.id || one.ariaLabel);
        }"""
    )
    assert hidden == []
