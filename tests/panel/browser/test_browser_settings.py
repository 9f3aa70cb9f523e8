"""What is set in a real browser: fader, steppers, references, presets, learning; and what pages tell each other."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
import soundfile
from browser_house import PHONE, House, Visit, pull_amount, shown_amount, until

pytestmark = pytest.mark.live


def test_a_finger_on_the_fader_is_not_fought(house: House, visit: Visit) -> None:
    page = visit.open()
    box = page.locator(".fader-thumb").bounding_box()
    x, y = box["x"] + 20, box["y"] + 20
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 150, steps=5)
    held = shown_amount(page)
    house.wait(lambda: round(100 * house.controls["amount"]) == held)
    house.run.command(set={"amount": 0.9})
    house.wait(lambda: house.controls["amount"] == 0.9)
    page.wait_for_timeout(300)
    assert shown_amount(page) == held
    page.mouse.up()
    until(page, "document.getElementById('amount').ariaValueNow === '90'")


def test_at_most_fifty_changes_a_second_and_the_last_one_counts(house: House, visit: Visit) -> None:
    sent: list[str] = []
    page = visit.open(
        prepare=lambda page: page.on("websocket", lambda ws: ws.on("framesent", lambda frame: sent.append(frame)))
    )
    began = page.evaluate("performance.now()")
    page.evaluate(
        """() => {
            const fader = document.getElementById("amount");
            for (let k = 0; k < 400; k += 1) fader.dispatchEvent(new WheelEvent("wheel", { deltaY: k < 395 ? 1 : -1 }));
        }"""
    )
    house.wait(lambda: house.controls["amount"] == pytest.approx(0.25))
    lasted_s = 1e-3 * (page.evaluate("performance.now()") - began)
    assert 2 <= len(sent) <= 2 + 50.0 * lasted_s


def test_steppers_and_trims(house: House, visit: Visit) -> None:
    page = visit.open()
    page.click("[aria-label='Target up']")
    house.wait(lambda: house.controls["target_lufs"] == -13.5)
    page.focus("[data-learn=output_trim_db]")
    page.keyboard.press("ArrowDown")
    house.wait(lambda: house.controls["output_trim_db"] == -1.0)
    air = page.get_by_role("slider", name="Air 9 kHz: trim")
    box = air.bounding_box()
    page.mouse.move(box["x"] + 150, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 10, steps=4)
    page.mouse.up()
    house.wait(lambda: house.controls["trims"].get("air_db", 0.0) < -0.5)
    assert "trim −" in air.get_attribute("aria-valuetext")
    air.press("Delete")
    house.wait(lambda: house.controls["trims"]["air_db"] == 0.0)


def test_two_browsers_stay_in_step_and_a_reload_keeps_state(house: House, visit: Visit) -> None:
    one, other = visit.open(), visit.open(PHONE, has_touch=True, is_mobile=True)
    pull_amount(one, to=0.4)
    amount = house.wait(lambda: abs(house.controls["amount"] - 0.4) < 0.03 and house.controls["amount"])
    one.select_option("#profile", "warm")
    other.tap("#freeze")
    for page in (one, other):
        page.wait_for_selector("#freeze[aria-pressed=true]")
        until(page, f"document.getElementById('amount').getAttribute('aria-valuenow') === '{100 * amount:.0f}'")
        until(page, "document.getElementById('profile').value === 'warm'")
    other.reload()
    other.wait_for_selector("#freeze[aria-pressed=true]")
    assert shown_amount(other) == round(100 * amount)
    assert other.input_value("#profile") == "warm"


DROP = """([name, type, text]) => {
    const files = new DataTransfer();
    files.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], name, { type }));
    for (const kind of ["dragover", "drop"]) {
        document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: files, bubbles: true, cancelable: true }));
    }
}"""


def test_a_dropped_reference_changes_the_profile(house: House, visit: Visit) -> None:
    sound, rate_hz = soundfile.read(house.folder / "song.wav", frames=20 * 44_100)
    soundfile.write(house.folder / "My hit.flac", np.tanh(6.0 * np.diff(sound, axis=0)), rate_hz)
    page = visit.open()
    before = house.status["suggested"]
    text = base64.b64encode((house.folder / "My hit.flac").read_bytes()).decode()
    page.evaluate(DROP, ["My hit.flac", "audio/flac", text])
    until(page, "document.getElementById('profile').value === 'My hit'")
    house.wait(lambda: house.status["profile"] == "My hit")
    until(page, "document.getElementById('reference-note').textContent.includes('My hit')")
    house.wait(lambda: abs(house.status["suggested"]["air_db"] - before["air_db"]) > 0.5)
    page.set_input_files("#reference-file", files=[{"name": "x.txt", "mimeType": "text/plain", "buffer": b"no song"}])
    page.wait_for_selector("#reference-note.bad")
    assert house.status["profile"] == "My hit"


def test_presets_are_saved_recalled_and_deleted(house: House, visit: Visit) -> None:
    page = visit.open()
    pull_amount(page, to=0.6)
    kept = house.wait(lambda: abs(house.controls["amount"] - 0.6) < 0.03 and house.controls["amount"])
    page.fill("#preset-name", "Big room")
    page.keyboard.press("Enter")
    page.click("text=Big room")
    pull_amount(page, to=0.1)
    house.wait(lambda: house.controls["amount"] < 0.15)
    page.click("[aria-label='Recall Big room']")
    house.wait(lambda: house.controls["amount"] == kept)
    with page.expect_download() as download:
        page.click("#preset-export")
    assert "Big room" in download.value.path().read_text()
    page.click("[aria-label='Delete Big room']")
    page.wait_for_selector("text=Delete?")
    page.click("[aria-label='Delete Big room']")
    page.wait_for_selector("[aria-label='Recall Big room']", state="detached")


def test_learning_waits_for_a_knob_and_moves_nothing(house: House, visit: Visit) -> None:
    page = visit.open()
    page.click("#learn")
    page.wait_for_selector("text=There is no controller yet")
    page.wait_for_selector("#learn-heard >> text=amount: CC 16")
    page.click("#record")
    page.wait_for_selector("text=Waiting for a knob: move the one for record")
    page.keyboard.press("Escape")
    house.wait(lambda: house.status["learning"] is None)
    page.wait_for_selector("#learn-bar", state="hidden")
    page.click("#learn")
    page.click("#panic")
    house.wait(lambda: house.status["learning"] == "panic")
    page.wait_for_selector("text=Waiting for a knob")
    assert house.controls["amount"] == 1.0
    page.keyboard.press("Escape")
    house.wait(lambda: house.status["learning"] is None)
    page.wait_for_selector("#learn-bar", state="hidden")


def test_a_lost_connection_is_said_and_comes_back(house: House, visit: Visit) -> None:
    lines: list[Any] = []

    def through(line: Any) -> None:
        line.connect_to_server()
        lines.append(line)

    page = visit.open(prepare=lambda page: page.route_web_socket("**/api/v1/ws", through))
    assert page.is_hidden("#banner")
    lines[-1].close()
    page.wait_for_selector("#banner:has-text('No connection')")
    until(page, "document.body.className === '' && document.getElementById('banner').hidden")
    assert len(lines) == 2
    page.click("#freeze")
    house.wait(lambda: house.controls["freeze"])


def test_night_is_a_button(house: House, visit: Visit) -> None:
    page = visit.open()
    page.click("#night")
    house.wait(lambda: house.controls["night"])
    page.wait_for_selector("#night[aria-pressed=true]")
    house.run.command(set={"night": False})
    page.wait_for_selector("#night[aria-pressed=false]")


def test_what_was_done_is_listed_taken_back_and_there_after_a_reload(house: House, visit: Visit) -> None:
    page = visit.open()
    page.focus("#amount")
    page.keyboard.press("Home")
    house.wait(lambda: house.controls["amount"] == 0.0)
    page.wait_for_selector("#log .done >> text=Amount 100 % → 0 %")
    page.click("#undo")
    house.wait(lambda: house.controls["amount"] == 1.0)
    page.keyboard.press("Control+Shift+Z")
    house.wait(lambda: house.controls["amount"] == 0.0)
    page.click("#slot-b")
    page.wait_for_selector("#slot-b[aria-pressed=true]")
    page.focus("#amount")
    page.keyboard.press("End")
    house.wait(lambda: house.controls["amount"] == 1.0)
    page.click("#slot-a")
    house.wait(lambda: house.controls["amount"] == 0.0)
    page.wait_for_selector("#log >> text=Settings A.")
    pixels = "document.getElementById('history').getContext('2d').getImageData(40, 10, 1000, 100).data"
    drawn = f"{pixels}.reduce((sum, part) => sum + part)"
    ink = page.evaluate(drawn)
    page.reload()
    page.wait_for_selector("#log .done >> text=Amount 100 % → 0 %")
    until(page, f"{drawn} > 0.9 * {ink}")
    assert visit.complaints == []


def test_the_programme_is_measured_anew_and_the_aim_is_named(house: House, visit: Visit) -> None:
    page = visit.open()
    until(page, "document.getElementById('integrated').textContent.startsWith('−')")
    until(page, "document.getElementById('peak-max').textContent.match(/^−\\d/)")
    page.click("#programme-restart")
    until(page, "['00:00', '00:01', '00:02'].includes(document.getElementById('programme-time').textContent)")
    page.wait_for_selector("#log >> text=are measured anew")
    house.run.command(set={"profile": "warm"})
    page.wait_for_selector("#aim >> text=itself")
    house.run.command(set={"profile": "auto"})
    page.wait_for_selector("#aim >> text=tone corrected")


def test_the_record_button_shows_the_take_that_runs_and_ends_it(house: House, visit: Visit) -> None:
    page = visit.open()
    page.wait_for_selector("#record[aria-pressed=true]")
    assert "out.wav" in page.inner_text("#take")
    page.click("#record")
    page.wait_for_selector("#record[aria-pressed=false]")
    assert "Kept out.wav" in page.inner_text("#take")
    assert soundfile.info(house.folder / "out.wav").duration > 10.0
