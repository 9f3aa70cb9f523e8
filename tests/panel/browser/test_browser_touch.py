"""Fingers on the page, as a screen gives them to the browser; the curve of the user, by finger, pointer and keys."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import numpy as np
import pytest
from browser_house import HANDHELD, PHONE, House, Visit, spot, until
from waiting import PATIENCE_S

from rt_automix import owncurve
from rt_automix.panel.scope import BANDS_HZ

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


def drawn_db(house: House) -> dict[str, list[float]]:
    """Curves of the spectrum as the server tells them."""
    with urllib.request.urlopen(f"{house.url}api/v1/state", timeout=PATIENCE_S) as answer:
        return json.load(answer)["scope"]


def test_a_point_that_is_drawn_changes_what_is_applied_and_a_preset_keeps_it(house: House, visit: Visit) -> None:
    page = visit.open()
    house.run.command(set={"fine_tone": 0.0})  # the own curve alone
    page.mouse.move(*spot(page, 1000.0, 0.0))
    page.mouse.down()
    page.mouse.move(*spot(page, 1000.0, 4.0), steps=8)
    page.mouse.up()
    curve = house.wait(
        lambda: house.controls["curve"] and house.controls["curve"][0][1] > 3.7 and house.controls["curve"]
    )
    assert len(curve) == 1 and curve[0] == pytest.approx([1000.0, 4.0], rel=0.05)
    band = int(np.abs(BANDS_HZ - 1000.0).argmin())
    house.wait(lambda: abs(drawn_db(house)["fine_db"][band] - 4.0) < 0.5)
    assert max(np.abs(drawn_db(house)["fine_db"])) < 4.5 and abs(drawn_db(house)["fine_db"][0]) < 0.3
    page.fill("#preset-name", "My curve")
    page.keyboard.press("Enter")
    page.wait_for_selector("[aria-label='Recall My curve']")
    page.click("#curve-reset")
    house.wait(lambda: house.controls["curve"] == [] and max(np.abs(drawn_db(house)["fine_db"])) < 0.05)
    assert page.locator(".curve-point").count() == 0
    page.click("[aria-label='Recall My curve']")
    house.wait(lambda: house.controls["curve"] == curve and drawn_db(house)["fine_db"][band] > 3.5)
    page.wait_for_selector(".curve-point")
    assert visit.complaints == []


def test_points_by_keys_and_how_they_go_again(house: House, visit: Visit) -> None:
    page = visit.open()
    page.focus("#curve-add")
    page.keyboard.press("Enter")
    ((hz, gain_db),) = house.wait(lambda: house.controls["curve"])
    assert gain_db == 0.0
    for key in ("ArrowUp", "ArrowUp", "PageDown", "ArrowRight"):
        page.keyboard.press(key)
    house.wait(lambda: house.controls["curve"] == [pytest.approx([hz * 2 ** (1 / 12), -1.0], abs=0.1)])
    assert "−1.0 dB" in page.get_by_role("slider", name="Own curve, point 1").get_attribute("aria-valuetext")
    page.keyboard.press("Delete")
    house.wait(lambda: house.controls["curve"] == [])
    page.mouse.click(*spot(page, 300.0, -3.0))
    house.wait(lambda: len(house.controls["curve"]) == 1)
    page.wait_for_timeout(500)
    page.mouse.dblclick(*spot(page, 300.0, -3.0))
    house.wait(lambda: house.controls["curve"] == [])
    for octave in range(9):
        page.mouse.click(*spot(page, 40.0 * 2.0**octave, 2.0))
    page.wait_for_selector("#toasts:has-text('8 points are the most')")
    house.wait(lambda: len(house.controls["curve"]) == 8)
    page.focus("#fine-tone")
    page.keyboard.press("ArrowDown")
    house.wait(lambda: house.controls["fine_tone"] == pytest.approx(0.95))


def test_the_line_that_is_drawn_is_the_one_that_is_heard(visit: Visit) -> None:
    page = visit.open()
    rng = np.random.default_rng(11)
    for count in range(9):
        octaves = np.cumsum(rng.uniform(0.1, 1.1, count))
        points = [
            [25.0 * 2.0**octave, gain_db] for octave, gain_db in zip(octaves, rng.uniform(-6, 6, count), strict=True)
        ]
        ours = page.evaluate(
            """async ([points, frequencies_hz]) => {
                const { curveDb } = await import(new URL("static/curve.js", document.baseURI));
                return frequencies_hz.map((hz) => curveDb(points, hz));
            }""",
            [points, BANDS_HZ.tolist()],
        )
        assert np.abs(np.array(ours) - owncurve.gains_db(points, BANDS_HZ)).max() < 1e-9
