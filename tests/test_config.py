"""Settings: defaults, files, overrides, and every mistake named at once."""

from __future__ import annotations

import dataclasses
import math
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rt_automix import outputs
from rt_automix.config import Config, Master, default_toml, load, problems
from rt_automix.errors import ConfigError

CONFIGS = Path(__file__).parent.parent / "configs"

RANGES = {  # written again on purpose: a range that moves by accident fails here
    "master.amount": (0.0, 1.0),
    "master.boldness": (0.0, 1.0),
    "master.style_strength": (0.0, 1.0),
    "master.target_lufs": (-40.0, -5.0),
    "limiter.ceiling_dbtp": (-12.0, 0.0),
    "rider.max_trim_db": (0.0, 24.0),
    "rider.response_s": (0.1, 20.0),
    "rider.max_db_per_s": (1.0, 200.0),
    "rider.gate_lufs": (-70.0, -30.0),
    "engine.max_block_samples": (1, 65536),
    "engine.analysis_hops": (1, 20),
}
ALL_NAMES = [f"{s}.{name}" for s, table in dataclasses.asdict(Config()).items() for name in table]


def value_of(config, dotted_name):
    section, name = dotted_name.split(".")
    return getattr(getattr(config, section), name)


def written(tmp_path, text):
    path = tmp_path / "live.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_given_means_defaults(tmp_path):
    assert load(None) == Config() == load(written(tmp_path, ""))
    assert Config().master.amount == 1.0 and Config().limiter.ceiling_dbtp == -1.0


def test_shipped_defaults_are_the_defaults_and_every_setting_is_documented(tmp_path):
    assert load(written(tmp_path, default_toml())) == Config()
    tables = tomllib.loads(re.sub(r"(?m)^# (\w+ = )", r"\1", default_toml()))
    assert [f"{s}.{name}" for s, table in tables.items() for name in table] == ALL_NAMES
    (mapping,) = tables["midi"]["map"]
    assert sorted(mapping) == sorted(field.name for field in dataclasses.fields(Config().midi.map[0]))
    for name, (low, high) in RANGES.items():
        assert f"{low} to {high}" in default_toml(), f"data/default.toml: {name} does not tell its range"


def test_a_file_changes_only_what_it_names(tmp_path):
    config = load(written(tmp_path, "[master]\namount = 1\ntarget_lufs = -16\n[rider]\nenabled = false\n"))
    assert config.master == dataclasses.replace(Config().master, target_lufs=-16.0)
    assert config.rider.enabled is False and config.rider.max_trim_db == 12.0
    assert config.engine == Config().engine


def test_settings_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().master.amount = 0.5


def test_one_that_is_made_by_hand_is_checked_as_well():
    assert (Master(amount=1).amount, type(Master(amount=1).amount)) == (1.0, float)
    with pytest.raises(ConfigError, match=r"^Master\.amount = 2 is outside \[0\.0, 1\.0\]\. Use 1 or less\.$"):
        Master(amount=2)
    with pytest.raises(ConfigError, match=r"^Config\.master = .* is not a Master\."):
        Config(master=Config().rider)


def test_every_problem_at_once(tmp_path):
    path = written(
        tmp_path,
        """
        engine = 3
        [limiter]
        ceiling_dbtp = 1.5
        celing_dbtp = -1.0
        lookahead = "yes"
        [mastr]
        amount = 1
        [rider]
        max_trim_db = nan
        gate_lufs = -80
        response_s = true
        [master]
        profile = ""
        suggester = 3
        """,
    )
    expected = [
        "engine = 3 is not a section. Write [engine] on a line, its settings below.",
        "limiter.ceiling_dbtp = 1.5 is outside [-12.0, 0.0]. Use 0 or less.",
        'limiter.celing_dbtp is unknown. Did you mean "ceiling_dbtp"? Known: ceiling_dbtp, lookahead.',
        'limiter.lookahead = "yes" is not true or false. Use true or false, without quotes.',
        'section [mastr] is unknown. Did you mean "master"? '
        "Known: master, limiter, rider, engine, audio, venue, phones, midi.",
        "rider.max_trim_db = nan is not a finite number. Use a number in [0.0, 24.0].",
        "rider.gate_lufs = -80 is outside [-70.0, -30.0]. Use -70 or more.",
        "rider.response_s = true is not a number. Use a number in [0.1, 20.0], without quotes.",
        'master.profile = "" is empty. Use a name or a path.',
        "master.suggester = 3 is not text. Use text in quotes.",
    ]
    assert sorted(problems(path)) == sorted(f"{path}: {line}" for line in expected)
    with pytest.raises(ConfigError) as raised:
        load(path)
    assert str(raised.value).splitlines() == problems(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"[master]\namount 1\n", "at line 2, column 8"),
        (b"[master]\namount = 1\namount = 2\n", "at line 3, column 11"),
        (b"[master]\nprofile = '\xff'\n", "byte 20 is not UTF-8"),
        (b"x = " + b"[" * 5000, "not valid TOML"),
        (b"x = " + b"9" * 5000, "not valid TOML"),
    ],
)
def test_a_file_that_is_not_toml(tmp_path, content, expected):
    path = tmp_path / "live.toml"
    path.write_bytes(content)
    (problem,) = problems(path)
    assert problem.startswith(f"{path}: ") and expected in problem and problem.count("\n") == 0


def test_a_file_that_cannot_be_read(tmp_path):
    assert problems(tmp_path / "gone.toml")[0].startswith(f"{tmp_path / 'gone.toml'}: cannot be read")
    assert problems(tmp_path)[0].startswith(f"{tmp_path}: cannot be read")


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_configs_load(path):
    assert problems(path) == []
    assert load(path) != Config(), "a config that changes nothing has no use"


def test_shipped_configs_say_what_their_names_promise():
    shipped = {path.stem: load(path) for path in CONFIGS.glob("*.toml")}
    assert (shipped["streaming"].master.target_lufs, shipped["streaming"].limiter.ceiling_dbtp) == (-14.0, -1.0)
    assert (shipped["broadcast"].master.target_lufs, shipped["broadcast"].limiter.ceiling_dbtp) == (-23.0, -1.0)
    assert shipped["gentle"].master.amount == 0.5
    assert shipped["direct"].limiter.lookahead is False


def test_overrides():
    base = Config().with_overrides(**{"master.target_lufs": -16.0})
    config = base.with_overrides(**{"master.amount": 0.5, "limiter.lookahead": False, "master.target_lufs": None})
    assert (config.master.amount, config.master.target_lufs, config.limiter.lookahead) == (0.5, -16.0, False)
    assert base.master.amount == 1.0
    with pytest.raises(
        ConfigError, match=r"^--amount: master\.amount = 2 is outside \[0\.0, 1\.0\]\. Use 1 or less\.$"
    ):
        base.with_overrides(source="--amount", **{"master.amount": 2})
    with pytest.raises(ConfigError, match=r'^command line: master\.amont is unknown\. Did you mean "amount"\?'):
        base.with_overrides(**{"master.amont": 0.5})


@given(name=st.sampled_from(sorted(RANGES)), data=st.data())
def test_inside_its_range_a_value_is_kept_and_outside_refused(name, data):
    low, high = RANGES[name]
    numbers = st.integers if isinstance(low, int) else st.floats
    inside = data.draw(numbers(low, high))
    assert value_of(Config().with_overrides(**{name: inside}), name) == inside
    outside = data.draw(numbers(max_value=low) | numbers(min_value=high))
    if low <= outside <= high:
        return
    with pytest.raises(ConfigError, match=re.escape(f"{name} = {outside}")) as raised:
        Config().with_overrides(**{name: outside})
    assert f"[{low}, {high}]" in str(raised.value)


@given(name=st.sampled_from(ALL_NAMES), value=st.sampled_from(["x", True, 7, 10**400, 0.5, math.nan, [1], {"a": 1}]))
def test_whatever_stands_there_is_taken_or_refused_by_name(name, value):
    try:
        config = Config().with_overrides(**{name: value})
    except ConfigError as error:
        assert str(error).startswith((f"command line: {name} = ", f"command line: {name}[1]"))
    else:
        assert value_of(config, name) == value and type(value) in (type(value_of(config, name)), int)


# Outputs -----------------------------------------------------------------------------------------


def test_an_output_takes_from_all_what_it_does_not_say(tmp_path):
    config = load(
        written(
            tmp_path,
            '[master]\namount = 0.7\ntarget_lufs = -15\n[[output]]\nname = "room"\n'
            '[[output]]\nname = "stream"\ntarget_lufs = -16\nchannels = "3,4"\nlookahead = false\nnight = true\n',
        )
    )
    room, stream = config.output
    assert config.of(room).master == config.master
    assert config.of(stream).master == dataclasses.replace(config.master, target_lufs=-16.0)
    assert config.of(stream).rider.night and not config.of(room).rider.night
    assert config.of(stream).limiter.lookahead is False and config.limiter.lookahead is True


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[output]]\nchannels = '1,x'\n", "output[1].channels"),
        ("[[output]]\nname = 'a/b'\n", 'output[1].name = "a/b" cannot be used'),
        ("[[output]]\nprogram = 'it is \"open'\n", "output[1].program cannot be read"),
        ("[[output]]\n[[output]]\n", 'output[2] has the name "main" of another'),
        ("[[output]]\nname = 'a'\nchannels = '1,2'\n[[output]]\nchannels = '2'\n", 'channel 2, as "a" does'),
        ("[[output]]\namuont = 1\n", 'Did you mean "amount"'),
        ("[output]\nname = 'a'\n", "not a list of tables"),
        ("".join(f"[[output]]\nname = 'a{k}'\n" for k in range(17)), "one too many: there can be 16"),
    ],
)
def test_what_is_wrong_with_outputs_is_said(text, said, tmp_path):
    (problem,) = problems(written(tmp_path, text))
    assert said in problem


def test_an_output_of_the_command_line():
    table = outputs.understood("stream: channels=3,4 target_lufs=-16 lookahead=false program='ffmpeg -i -'")
    assert table == {
        "name": "stream", "channels": "3,4", "target_lufs": -16.0, "lookahead": False, "program": "ffmpeg -i -"
    }  # fmt: skip
    for wrong, said in (
        ("stream", "no name"), (": amount=1", "no name"), ("a: amount", "sets nothing"), ("a: amuont=1", '"amount"'),
        ("a: program='x", "cannot be read"), ("a: name=b", "unknown"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=re.escape(said)):
            outputs.understood(wrong)
    with pytest.raises(ConfigError, match="not a number"):
        Config().with_overrides(output=[outputs.understood("a: amount=loud")])


def test_phones_of_the_command_line_and_what_is_wrong_with_them():
    assert outputs.phones_understood("channels=5,6") == {"enabled": True, "channels": "5,6"}
    assert outputs.phones_understood("") == {"enabled": True}
    for wrong in ("channel=5", "channels", "'"):
        with pytest.raises(ConfigError, match=r"^--phones"):
            outputs.phones_understood(wrong)
    room = outputs.Output("room", channels="5,6")
    assert not outputs.Phones().are_there and outputs.Phones(channels="5").are_there
    assert not outputs.Phones(channels="7,8").problems([room])
    assert '"room" plays to channel 6' in outputs.Phones(channels="6,7").problems([room])[0]
    assert "Write it like" in outputs.Phones(channels="5;6").problems([])[0]
