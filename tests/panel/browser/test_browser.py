"""The page in a real browser, on a session that plays a real song; what it does to the sound is measured in takes."""

from __future__ import annotations

import pytest
import waiting
from browser_house import FINE_REST_S, HANDHELD, LAPTOP, PHONE, House, Visit, pull_amount, until

pytestmark = pytest.mark.live

NUMBERS = ("short-term", "momentary", "peak-in", "peak-out")
CANVASES = ("bar-in", "bar-out", "spectrum", "history", "reduction")


# What is seen -------------------------------------------------------------------------------------


def test_the_page_shows_the_song_without_a_complaint(house: House, visit: Visit) -> None:
    page = visit.open()
    assert page.inner_text("#session-state").lower() == "playing"
    assert "song.wav" in page.inner_text("#session-text")
    assert page.locator("#params .param").count() == 10
    # Held peaks stand still for a while, and how long depends on the song: each has time to move.
    shown: dict[str, set[str]] = {name: set() for name in (*NUMBERS, *CANVASES)}

    def all_have_moved() -> bool:
        for name in NUMBERS:
            text = page.inner_text(f"#{name}")
            assert -60.0 < float(text.replace("−", "-")) < 1.0
            shown[name].add(text)
        for name in CANVASES:
            shown[name].add(page.evaluate(f"document.getElementById('{name}').toDataURL()"))
        return min(map(len, shown.values())) > 2

    waiting.until(all_have_moved, lambda: f"moves: {sorted(name for name, states in shown.items() if len(states) < 3)}")
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


def test_nothing_moves_by_itself_where_motion_is_not_wanted(house: House, visit: Visit) -> None:
    page = visit.open(reduced_motion="reduce")
    page.evaluate("document.getElementById('record').setAttribute('aria-pressed', 'true')")
    page.wait_for_selector("#record[aria-pressed=true]")
    assert page.evaluate("document.getAnimations().length") == 0
