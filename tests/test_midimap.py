"""MIDI mappings in a settings file: what may stand there, what may not, and every mistake named."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rt_automix.config import Config, load, problems
from rt_automix.errors import ConfigError
from rt_automix.midimap import KNOB_KINDS, KNOBS, SWITCH_KINDS, SWITCHES, MidiMapping, collisions, named

RANGES = {
    "amount": (0.0, 1.0),
    "fine_tone": (0.0, 1.0),
    "boldness": (0.0, 1.0),
    "style_strength": (0.0, 1.0),
    "target_lufs": (-40.0, -5.0),
    "output_trim_db": (-40.0, 0.0),
    "trim.input_gain_db": (-12.0, 12.0),
    **{f"trim.{band}_db": (-6.0, 6.0) for band in ("low_shelf", "low_mid", "mid", "presence", "air")},
    "trim.compression": (-0.3, 0.3),
    "trim.stereo_width": (-0.5, 0.5),
    "trim.limiter_drive_db": (-4.5, 4.5),
    "trim.output_level": (-0.15, 0.15),
}  # again on purpose


def mapping(control="amount", number=21, kind="7bit", **rest):
    return MidiMapping(control=control, number=number, kind=kind, **rest)


def written(tmp_path, text):
    path = tmp_path / "gig.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_unlearned_the_first_general_purpose_controller_sets_the_amount():
    assert Config().midi.map == (mapping(number=16, kind="auto"),)
    assert (Config().midi.port, Config().midi.api, Config().midi.feedback) == ("", "auto", True)


def test_mappings_of_a_file_replace_the_shipped_one(tmp_path):
    path = written(
        tmp_path,
        """
        [midi]
        port = "nanoKONTROL"
        [[midi.map]]
        control = "target_lufs"
        number = 3
        kind = "14bit"
        channel = 2
        low = -10
        high = -20.5
        [[midi.map]]
        control = "bypass"
        source = "note"
        number = 36
        kind = "toggle"
        """,
    )
    first, second = load(path).midi.map
    assert first == mapping("target_lufs", 3, "14bit", channel=2, low=-10.0, high=-20.5)
    assert (first.ends, first.numbers) == ((-10.0, -20.5), (3, 35))
    assert second == mapping("bypass", 36, "toggle", source="note") and second.numbers == (36,)
    assert load(path).with_overrides(**{"master.amount": 0.5}).midi == load(path).midi
    assert load(written(tmp_path, "[midi]\nmap = []\n")).midi.map == ()


def test_every_mistake_in_every_mapping_at_once(tmp_path):
    path = written(
        tmp_path,
        """
        [midi]
        api = "jak"
        [[midi.map]]
        control = "amout"
        number = 20000
        kind = "7bit"
        [[midi.map]]
        control = "bypass"
        number = 53
        kind = "7bit"
        [[midi.map]]
        control = "amount"
        number = 21
        kind = "14bit"
        low = -3
        [[midi.map]]
        control = "freeze"
        number = 60
        kind = "toggle"
        chanel = 2
        [[midi.map]]
        control = "target_lufs"
        number = 40
        kind = "14bit"
        channel = 17
        [[midi.map]]
        control = "target_lufs"
        kind = "14bit"
        low = nan
        [[midi.map]]
        control = "target_lufs"
        number = 40
        kind = "14bit"
        low = -8
        """,
    )
    switch_words = '"toggle", "momentary", "latching"'
    knob_words = '"auto", "7bit", "14bit", "relative", "relative-offset", "relative-sign"'
    expected = [
        'midi.api = "jak" is unknown. Did you mean "jack"? Known: "auto", "alsa", "jack", "coremidi", "windows".',
        'midi.map[1].control = "amout" is unknown. Did you mean "amount"? Known: "amount", "fine_tone", "boldness", '
        '"style_strength", "profile", "target_lufs", "output_trim_db", "bypass", "compare", "freeze", "night", '
        '"panic", "phones", "record", "preset", "trim.input_gain_db", "trim.low_shelf_db", "trim.low_mid_db", '
        '"trim.mid_db", "trim.presence_db", "trim.air_db", "trim.compression", "trim.stereo_width", '
        '"trim.limiter_drive_db", "trim.output_level".',
        "midi.map[1].number = 20000 is outside [0, 16383]. Use 16383 or less.",
        f'midi.map[2].kind = "7bit" does not suit bypass from CC 53 on any channel. Use {switch_words}.',
        "midi.map[3].low = -3 is outside [0.0, 1.0], the range of amount. Use 0 or more.",
        'midi.map[4].chanel is unknown. Did you mean "channel"? '
        "Known: control, number, kind, source, channel, low, high, takeover, pressed_from, touch, output, preset.",
        "midi.map[5].channel = 17 is outside [0, 16]. Use 16 or less.",
        "midi.map[6].number is missing. Use a number in [0, 16383].",
        "midi.map[6].low = nan is not a finite number. Use a number.",
        "midi.map[7].number = 40 cannot be 14bit: its fine half would be 72. "
        "Use 0 to 31, the number of the coarse half.",
        "midi.map[7].low = -8 is high too: the knob would do nothing. Use two different values.",
        "midi.map[3] (amount, CC 21 and 53 on any channel) collides with midi.map[2] (bypass, CC 53 on any channel). "
        "Give one of them another number or channel.",
    ]
    assert sorted(problems(path)) == sorted(f"{path}: {line}" for line in expected)
    text = path.read_text(encoding="utf-8").replace('kind = "7bit"', "", 1)
    missing = [line for line in problems(written(tmp_path, text)) if "missing" in line and "[1]" in line]
    assert missing == [f"{path}: midi.map[1].kind is missing. Use one of {knob_words}, {switch_words}."]


@pytest.mark.parametrize("text", ["map = 3", 'map = "amount"', "map = [3]", "map.control = 'amount'"])
def test_a_map_that_is_no_list_of_tables(tmp_path, text):
    (problem,) = problems(written(tmp_path, f"[midi]\n{text}\n"))
    assert re.search(
        r"midi\.map(\[1\])? = .* is not a (list of tables|table)\. Begin each entry with \[\[midi\.map\]\]", problem
    )


@pytest.mark.parametrize("control", [*KNOBS, *SWITCHES, "profile", "preset"])
@pytest.mark.parametrize("source", ["cc", "nrpn", "rpn", "note", "program", "pitchbend"])
@pytest.mark.parametrize("kind", [*KNOB_KINDS, *SWITCH_KINDS])
def test_which_kind_suits_which_control(control, source, kind):
    takes_knob = control not in (*SWITCHES, "preset")
    takes_button = control in ("profile", "preset", *SWITCHES)
    buttons = set(SWITCH_KINDS if control in SWITCHES else ("toggle", "latching") if takes_button else ())
    values = buttons | (set(KNOB_KINDS) if takes_knob else set())
    allowed = {
        "cc": values,
        "nrpn": values - {"auto"},
        "rpn": values - {"auto"},
        "note": buttons,
        "program": {"latching"} if takes_button else set(),
        "pitchbend": {"14bit"} if takes_knob else set(),
    }[source]
    found = mapping(control, 0, kind, source=source).problems()
    assert (kind in allowed) == (found == []), found
    assert all(line.startswith(f'kind = "{kind}" does not suit {control} from') for line in found)


@given(control=st.sampled_from(sorted(KNOBS)), low=st.floats(-60, 20), high=st.floats(-60, 20))
def test_ends_stay_within_the_range_of_the_control(control, low, high):
    lowest, highest = RANGES[control]
    found = mapping(control, low=low, high=high).problems()
    assert sum("is outside" in line for line in found) == sum(not lowest <= end <= highest for end in (low, high))
    assert found or low != high


def test_ends_mean_nothing_to_what_has_none():
    assert mapping("freeze", kind="toggle", low=0.0).problems() == ["low = 0 means nothing to freeze. Leave it out."]
    assert mapping("profile", high=1.0).problems() == ["high = 1 means nothing to profile. Leave it out."]
    (problem,) = mapping("record", kind="toggle", output="stream").problems()
    assert problem == 'output = "stream" means nothing to record, which is of all. Leave it out.'
    (problem,) = mapping("freeze", kind="toggle", preset="loud").problems()
    assert problem == 'preset = "loud" means nothing to freeze. Use control = "preset".'
    (problem,) = mapping(number=128).problems()
    assert problem == "number = 128 is outside [0, 127]. Use 127 or less."
    (problem,) = mapping(touch=104).problems()
    assert "belongs to a motor fader" in problem
    (problem,) = mapping(number=3, kind="14bit", source="pitchbend").problems()
    assert problem == "number = 3 means nothing to the pitch bend, which has none. Use 0."


def test_a_preset_is_named_where_it_is_learned():
    assert (named("amount"), named("preset"), named("preset/A/B")) == (
        ("amount", None, None), ("preset", None, None), ("preset", "A/B", None)
    )  # fmt: skip
    assert named("output/stream/trim.mid_db") == ("trim.mid_db", None, "stream")
    for text in ("preset/", "amount/x", "amout", "output/stream/record", "output/stream/preset/A", "output/stream"):
        with pytest.raises(ConfigError, match=f'^control "{text}" is unknown'):
            named(text)
    one, other = (mapping("preset", place, "toggle", preset=name) for place, name in enumerate("AB"))
    assert (one.sets, other.sets, mapping("preset", 3, "toggle").sets) == ("preset/A", "preset/B", "preset")
    programs = mapping("preset", 4, "latching", source="program")
    assert programs.numbers == tuple(range(4, 128))
    assert mapping("preset", 4, "latching", source="program", preset="A").numbers == (4,)


@pytest.mark.parametrize(
    ("first", "second", "collide"),
    [
        (mapping(number=1), mapping(number=1), True),
        (mapping(number=1), mapping(number=2), False),
        (mapping(number=1, channel=1), mapping(number=1, channel=2), False),
        (mapping(number=1, channel=1), mapping(number=1), True),
        (mapping(number=1, kind="14bit"), mapping(number=33), True),
        (mapping(number=1, kind="14bit"), mapping(number=2, kind="14bit"), False),
        (mapping(number=1), mapping("freeze", 1, "toggle", source="note"), False),
        (mapping(number=0, kind="14bit", source="pitchbend"), mapping(number=32), False),
        (None, mapping(number=1), False),
    ],
)
def test_two_mappings_collide_where_one_message_could_mean_both(first, second, collide):
    assert [place for place, _ in collisions([first, second])] == ([1] if collide else [])
    assert [place for place, _ in collisions([second, first])] == ([1] if collide else [])


def test_from_the_command_line_too():
    with pytest.raises(ConfigError, match=r"^command line: midi\.map\[1\]\.number = 128 is outside \[0, 127\]"):
        Config().with_overrides(**{"midi.map": [{"control": "amount", "number": 128, "kind": "7bit"}]})
