"""The page in a real browser, on a session that plays a real song; what it does to the sound is measured in takes."""

from __future__ import annotations

import base64
import json
import time
import urllib.request
from typing import Any

import numpy as np
import pytest
import soundfile
from browser_house import FINE_REST_S, HANDHELD, LAPTOP, LIMIT_S, PHONE, House, Visit, spot, until

from rt_automix import owncurve
from rt_automix.panel.scope import BANDS_HZ

pytestmark = pytest.mark.live

NUMBERS = ("short-term", "momentary", "peak-in", "peak-out")
CANVASES = ("bar-in", "bar-out", "spectrum", "history", "reduction")


def shown_amount(page: Any) -> int:
    return int(page.get_attribute("#amount", "aria-valuenow"))


def pull_amount(page: Any, to: float) -> None:
    """Take the thumb with the pointer and move it to a share of the fader's height."""
    box = page.locator(".fader-thumb").bounding_box()
    way = page.locator("#amount").bounding_box()["height"] * (to - shown_amount(page) / 100)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - way, steps=12)
    page.mouse.up()


# What is seen -------------------------------------------------------------------------------------


def test_the_page_shows_the_song_without_a_complaint(house: House, visit: Visit) -> None:
    page = visit.open()
    assert page.inner_text("#session-state").lower() == "playing"
    assert "song.wav" in page.inner_text("#session-text")
    assert page.locator("#params .param").count() == 10
    # Held peaks stand still for a while, and how long depends on the song: each has time to move.
    shown: dict[str, set[str]] = {name: set() for name in (*NUMBERS, *CANVASES)}
    deadline = time.monotonic() + LIMIT_S
    while min(len(states) for states in shown.values()) < 3:
        unmoved = {name: states for name, states in shown.items() if len(states) < 3}
        assert time.monotonic() < deadline, f"does not move: {sorted(unmoved)}"
        for name in NUMBERS:
            text = page.inner_text(f"#{name}")
            assert -60.0 < float(text.replace("−", "-")) < 1.0
            shown[name].add(text)
        for name in CANVASES:
            shown[name].add(page.evaluate(f"document.getElementById('{name}').toDataURL()"))
        time.sleep(0.1)
    assert visit.complaints == []


def test_a_laptop_shows_everything_at_once(house: House, visit: Visit) -> None:
    page = visit.open(LAPTOP)
    until(page, "document.getElementById('health').textContent.includes('s old')")
    assert page.evaluate("document.documentElement.scrollHeight - window.innerHeight") <= 0
    cards = "[...document.querySelectorAll('.card')]"
    assert page.evaluate(f"{cards}.filter((card) => card.scrollHeight > card.clientHeight + 1).length") == 0


def test_numbers_are_those_of_the_session(house: House, visit: Visit) -> None:
    page = visit.open()
    house.run.command(set={"freeze": True, "target_lufs": -17.5})
    page.wait_for_selector("#freeze[aria-pressed=true]")
    until(page, "document.querySelector('[data-learn=target_lufs]').textContent === '−17.5'")
    gain_db = float(page.inner_text("#gain").replace("−", "-"))
    assert gain_db == pytest.approx(house.status["meters"]["gain_db"], abs=0.5)
    assert page.inner_text("#latency") == f"{house.status['latency_ms']:.2f} ms"


# What is heard ------------------------------------------------------------------------------------


def test_amount_by_pointer_and_by_keys_changes_the_sound(house: House, visit: Visit) -> None:
    page = visit.open()
    _, mastered_db = house.sound()
    assert mastered_db > -40.0
    pull_amount(page, to=0.0)
    house.wait(lambda: house.controls["amount"] == 0.0)
    gain_db, rest_db = house.sound(FINE_REST_S)
    assert abs(gain_db) < 0.01
    assert rest_db < -100.0
    page.focus("#amount")
    page.keyboard.press("PageUp")
    page.keyboard.press("ArrowUp")
    house.wait(lambda: house.controls["amount"] == pytest.approx(0.3))
    _, some_db = house.sound()
    some = house.applied()
    page.keyboard.press("End")
    house.wait(lambda: house.controls["amount"] == 1.0)
    _, all_db = house.sound()
    assert min(some_db, all_db) > -60.0 and 0.0 < some < house.applied()


def test_bypass_and_compare_are_heard(house: House, visit: Visit) -> None:
    page = visit.open()
    page.click("#bypass")
    page.wait_for_selector("#bypass[aria-pressed=true]")
    gain_db, rest_db = house.sound()
    assert abs(gain_db) < 0.01
    assert rest_db < -100.0
    page.click("#bypass")
    page.wait_for_selector("#bypass[aria-pressed=false]")
    page.hover("#compare")
    page.mouse.down()
    page.wait_for_selector("#compare[aria-pressed=true]")
    gain_db, rest_db = house.sound()
    page.mouse.up()
    page.wait_for_selector("#compare[aria-pressed=false]")
    assert rest_db < -30.0  # the input, on its way to the master's loudness
    assert abs(gain_db) > 1.0
    house.wait(lambda: house.controls["listen"] == "master")
    assert house.sound()[1] > rest_db + 10.0


def test_compare_without_a_pointer(house: House, visit: Visit) -> None:
    page = visit.open()
    page.focus("#compare")
    page.keyboard.down(" ")
    house.wait(lambda: house.controls["listen"] == "compare")
    page.keyboard.up(" ")
    house.wait(lambda: house.controls["listen"] == "master")
    page.wait_for_selector("#compare[aria-pressed=false]")  # until the page knows that, too
    page.keyboard.press("Enter")
    house.wait(lambda: house.controls["listen"] == "compare")
    page.wait_for_selector("#compare-keep[aria-pressed=true]")
    page.click("#compare-keep")
    house.wait(lambda: house.controls["listen"] == "master")


def test_panic_is_one_tap(house: House, visit: Visit) -> None:
    page = visit.open(PHONE, has_touch=True, is_mobile=True)
    before = house.controls["amount"]
    page.tap("#panic")
    house.wait(lambda: house.controls["amount"] == 0.0)
    page.wait_for_selector("#panic[aria-pressed=true]")
    page.wait_for_timeout(600)  # two hits at once are one
    page.tap("#panic")
    house.wait(lambda: house.controls["amount"] == before)


# What is set --------------------------------------------------------------------------------------


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


def drawn_db(house: House) -> dict[str, list[float]]:
    """Curves of the spectrum as the server tells them."""
    with urllib.request.urlopen(f"{house.url}api/v1/state", timeout=LIMIT_S) as answer:
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
    until(page, "document.getElementById('profile').value === 'My hit'", limit_s=40.0)
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
    page.click("text=Big room", timeout=5000)
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


# For everybody ------------------------------------------------------------------------------------

INTERACTIVE = "button, a[href], input:not([hidden]), select, [tabindex='0']"


@pytest.mark.parametrize("device", HANDHELD)
def test_a_handheld_needs_no_sideways_scrolling_and_no_thin_fingers(visit: Visit, device: str) -> None:
    page = visit.open(HANDHELD[device], has_touch=True, is_mobile="phone" in device)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    boxes = page.evaluate(
        """(which) => [...document.querySelectorAll(which)].filter((one) => one.checkVisibility()).map((one) => {
            const { width, height } = one.getBoundingClientRect();
            return [one.id || one.className, width, height, one.disabled === true, one.id === "log"];
        })""",
        INTERACTIVE,
    )
    assert len(boxes) > 25
    assert [box for box in boxes if min(box[1:3]) < 44.0 and not box[3] and not box[4]] == []


def test_whatever_can_be_used_has_a_name_and_a_place_in_the_order(house: House, visit: Visit) -> None:
    page = visit.open()
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    roles = ("button", "slider", "spinbutton", "combobox", "textbox", "link", "canvas", "image", "img")
    used = [node for node in tree if node.get("role", {}).get("value") in roles and not node.get("ignored")]
    assert len(used) > 35
    assert [node for node in used if not node["name"]["value"].strip()] == []
    reached = set()
    for _ in range(len(used)):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.ariaLabel"))
    assert {"amount", "bypass", "compare", "panic", "record", "learn", "profile", "reference"} <= reached
    assert {"Air 9 kHz: trim", "Ceiling, dBTP", "preset-name", "preset-export"} <= reached


CONTRAST = """() => {
    const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
    const shine = ([red, green, blue]) => {
        const [r, g, b] = [red, green, blue].map((part) => part / 255)
            .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (element) => {
        for (let one = element; one; one = one.parentElement) {
            const [red, green, blue, alpha = 1] = parse(getComputedStyle(one).backgroundColor);
            if (alpha > 0.99) return [red, green, blue];
        }
        return [255, 255, 255];
    };
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        if (!texts.currentNode.textContent.trim() || !element.checkVisibility({ visibilityProperty: true })) continue;
        const [ink, paper] = [shine(parse(getComputedStyle(element).color)), shine(ground(element))];
        const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
        found.push([texts.currentNode.textContent.trim(), ratio]);
    }
    return found;
}"""


@pytest.mark.parametrize(("size", "scheme"), [(LAPTOP, "dark"), (PHONE, "light")])
def test_every_word_stands_out(house: House, visit: Visit, size: tuple[int, int], scheme: str) -> None:
    page = visit.open(size, color_scheme=scheme)
    page.click("#bypass")
    page.click("#learn")
    page.wait_for_selector("#bypass[aria-pressed=true]")
    words = page.evaluate(CONTRAST)
    assert len(words) > 60
    assert [word for word in words if word[1] < 4.5] == []


def test_the_look_that_was_chosen_stays(house: House, visit: Visit) -> None:
    page = visit.open(color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(ground)
    page.click("#theme")
    until(page, f"document.readyState === 'complete' && {ground} !== '{before}'")
    page.reload()
    until(page, "document.documentElement.dataset.theme === 'light'")
    assert page.evaluate(ground) != before and visit.complaints == []


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


def test_nothing_moves_by_itself_where_motion_is_not_wanted(house: House, visit: Visit) -> None:
    page = visit.open(reduced_motion="reduce")
    page.evaluate("document.getElementById('record').setAttribute('aria-pressed', 'true')")
    page.wait_for_selector("#record[aria-pressed=true]")
    assert page.evaluate("document.getAnimations().length") == 0


def test_the_record_button_shows_the_take_that_runs_and_ends_it(house: House, visit: Visit) -> None:
    page = visit.open()
    page.wait_for_selector("#record[aria-pressed=true]")
    assert "out.wav" in page.inner_text("#take")
    page.click("#record")
    page.wait_for_selector("#record[aria-pressed=false]")
    assert "Kept out.wav" in page.inner_text("#take")
    assert soundfile.info(house.folder / "out.wav").duration > 10.0
