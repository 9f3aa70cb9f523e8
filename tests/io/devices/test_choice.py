"""Choosing devices on machines of every kind, as plain data: what PortAudio shows there was written down by hand."""

from __future__ import annotations

import pytest

from rt_automix.errors import DeviceChoiceError, DeviceError
from rt_automix.io.devices.choice import RATES_HZ, Choice, Device, HostApi, choose

Machine = tuple[list[Device], list[HostApi]]


def machine(*systems: tuple[str, list[tuple[str, int, int, float]]], defaults: dict[str, tuple[str, str]]) -> Machine:
    """Host APIs with (name, inputs, outputs, own rate) of their devices, numbered as PortAudio does."""
    devices: list[Device] = []
    host_apis = []
    for number, (system, listed) in enumerate(systems):
        first = len(devices)
        for name, inputs, outputs, rate_hz in listed:
            devices.append(Device(len(devices), name, number, inputs, outputs, rate_hz))
        names = [device.name for device in devices[first:]]
        found = (first + names.index(name) if name in names else -1 for name in defaults.get(system, ("", "")))
        host_apis.append(HostApi(number, system, *found))
    return devices, host_apis


BUILT_IN, SCARLETT = "HDA Intel PCH: ALC257 Analog (hw:0,0)", "Scarlett 18i8 USB: Audio (hw:1,0)"
ALSA_DEVICES = [
    (BUILT_IN, 2, 2, 44100.0),
    (SCARLETT, 18, 8, 48000.0),
    ("sysdefault", 128, 128, 48000.0),
    ("default", 32, 32, 44100.0),
]
LINUX = machine(("ALSA", ALSA_DEVICES), ("OSS", []), defaults={"ALSA": ("default", "default")})
LINUX_JACK = machine(
    ("ALSA", ALSA_DEVICES),
    ("OSS", []),
    ("JACK Audio Connection Kit", [("system", 2, 2, 48000.0), ("ardour", 4, 4, 48000.0)]),
    defaults={"ALSA": ("default", "default"), "JACK Audio Connection Kit": ("system", "system")},
)

MAPPER_IN, MAPPER_OUT = "Microsoft Sound Mapper - Input", "Microsoft Sound Mapper - Output"
MICROPHONE, SPEAKERS, HEADPHONES = (f"{name} (Realtek(R) Audio)" for name in ("Microphone", "Speakers", "Headphones"))
LINE_IN, LINE_OUT, ASIO = "Analogue 1 + 2 (Focusrite USB Audio)", "Speakers (Focusrite USB Audio)", "Focusrite USB ASIO"
WINDOWS = machine(
    (
        "MME",
        [
            (MAPPER_IN, 2, 0, 44100.0),
            (MICROPHONE, 2, 0, 44100.0),
            (LINE_IN[:31], 2, 0, 44100.0),  # MME cuts names off
            (MAPPER_OUT, 0, 2, 44100.0),
            (SPEAKERS, 0, 2, 44100.0),
            (HEADPHONES, 0, 2, 44100.0),
        ],
    ),
    ("Windows DirectSound", [(MICROPHONE, 2, 0, 44100.0), (SPEAKERS, 0, 2, 44100.0)]),
    ("ASIO", [(ASIO, 8, 10, 48000.0)]),
    (
        "Windows WASAPI",
        [
            (HEADPHONES, 0, 2, 48000.0),
            (SPEAKERS, 0, 2, 48000.0),
            (MICROPHONE, 2, 0, 48000.0),
            (LINE_IN, 2, 0, 44100.0),
            (LINE_OUT, 0, 2, 44100.0),
        ],
    ),
    defaults={
        "MME": (MAPPER_IN, MAPPER_OUT),
        "ASIO": (ASIO, ASIO),
        "Windows DirectSound": (MICROPHONE, SPEAKERS),
        "Windows WASAPI": (LINE_IN, HEADPHONES),
    },
)
MAC = machine(
    ("Core Audio", [("MacBook Pro Microphone", 1, 0, 48000.0), ("MacBook Pro Speakers", 0, 2, 48000.0),
                    ("Babyface Pro", 12, 12, 96000.0), ("BlackHole 2ch", 2, 2, 48000.0)]),
    defaults={"Core Audio": ("MacBook Pro Microphone", "MacBook Pro Speakers")},
)  # fmt: skip
NOTHING: Machine = ([], [HostApi(0, "ALSA", -1, -1)])


def names(choice: Choice) -> tuple[str, str]:
    return choice.input.name, choice.output.name


def refusal(there: Machine, **asked: object) -> str:
    with pytest.raises(DeviceChoiceError) as caught:
        choose(*there, **asked)  # type: ignore[arg-type]
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize(
    ("there", "asked", "source", "sink"),
    [
        (LINUX, {}, "default", "default"),
        (LINUX_JACK, {}, "system", "system"),
        (LINUX_JACK, {"host_api": "alsa"}, "default", "default"),
        (LINUX_JACK, {"host_api": "JACK"}, "system", "system"),
        (LINUX_JACK, {"device": "ardour"}, "ardour", "ardour"),
        (LINUX_JACK, {"out_device": "scarlett"}, SCARLETT, SCARLETT),
        (LINUX, {"device": "default"}, "default", "default"),
        (LINUX, {"device": "usb SCARLETT"}, SCARLETT, SCARLETT),
        (LINUX, {"device": 1}, SCARLETT, SCARLETT),
        (LINUX, {"in_device": "scarlett", "out_device": "alc257"}, SCARLETT, BUILT_IN),
        (LINUX, {"in_device": "scarlett", "device": "0"}, SCARLETT, BUILT_IN),
        (WINDOWS, {}, LINE_IN, HEADPHONES),
        (WINDOWS, {"host_api": "asio"}, ASIO, ASIO),
        (WINDOWS, {"device": "focusrite usb audio"}, LINE_IN, LINE_OUT),
        (WINDOWS, {"device": "focusrite", "host_api": "ASIO"}, ASIO, ASIO),
        (WINDOWS, {"in_device": "8"}, ASIO, ASIO),
        (WINDOWS, {"host_api": "mme"}, MAPPER_IN, MAPPER_OUT),
        (MAC, {"device": "babyface"}, "Babyface Pro", "Babyface Pro"),
        (MAC, {"in_device": "babyface"}, "Babyface Pro", "Babyface Pro"),
        (
            MAC,
            {"host_api": "coreaudio", "in_device": "hole", "out_device": "mac"},
            "BlackHole 2ch",
            "MacBook Pro Speakers",
        ),
    ],
)
def test_the_devices_that_fit(there, asked, source, sink):
    assert names(choose(*there, **asked)) == (source, sink)


def test_duplicates_under_several_systems_are_taken_where_latency_is_lowest():
    chosen = choose(*WINDOWS, in_device="microphone realtek", out_device="headphones")
    assert {chosen.input.host_api, chosen.output.host_api} == {3}


def test_two_systems_are_used_only_where_no_single_one_has_both():
    chosen = choose(*WINDOWS, in_device="ASIO", out_device="Headphones")
    assert [WINDOWS[1][device.host_api].name for device in (chosen.input, chosen.output)] == ["ASIO", "Windows WASAPI"]


@pytest.mark.parametrize(
    ("there", "asked", "into", "out_of"),
    [
        (LINUX, {}, (0, 1), (0, 1)),
        (LINUX, {"device": 1, "in_channels": "3,4"}, (2, 3), (0, 1)),
        (LINUX, {"device": 1, "in_channels": " 18 ", "out_channels": "8,7"}, (17,), (7, 6)),
        (LINUX, {"device": 1, "in_channels": "5,5"}, (4, 4), (0, 1)),
        (MAC, {"out_device": "BlackHole", "in_device": "MacBook"}, (0,), (0, 1)),
        (LINUX, {"out_channels": "2"}, (0, 1), (1,)),
    ],
)
def test_channels_are_counted_from_one_by_users(there, asked, into, out_of):
    chosen = choose(*there, **asked)
    assert (chosen.in_channels, chosen.out_channels) == (into, out_of)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"in_channels": "19"}, ('--in-channels "19"', "1 to 18")),
        ({"in_channels": "0,1"}, ("1 to 18",)),
        ({"out_channels": "8,9"}, ('--out-channels "8,9"', "output channels 1 to 8")),
        ({"in_channels": "1,2,3"}, ("one channel", '"3,4"')),
        ({"in_channels": "left"}, ("counted from 1",)),
        ({"in_channels": ""}, ("counted from 1",)),
        ({"in_channels": "1,"}, ("counted from 1",)),
        ({"in_channels": "-1"}, ("counted from 1",)),
        ({"out_channels": "3,3"}, ("both sides into one channel",)),
    ],
)
def test_channels_that_are_not_there_are_refused(asked, words):
    message = refusal(LINUX, device="scarlett", **asked)
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("there", "asked", "words"),
    [
        (LINUX, {"device": "scarllet 18i8"}, ('--device "scarllet 18i8"', f'Did you mean "{SCARLETT}"?')),
        (LINUX, {"out_device": "skarlett"}, ("--out-device", "no output device", '"Scarlett 18i8')),
        (MAC, {"in_device": "babyfase"}, ('Did you mean "Babyface Pro"?', '0 "MacBook Pro Microphone"')),
        (MAC, {"in_device": "speakers"}, ('1 "MacBook Pro Speakers" has no input channels', "There are: 0 ")),
        (MAC, {"out_device": 0}, ('--out-device "0": 0 "MacBook Pro Microphone" has no output channels',)),
        (MAC, {"device": "99"}, ("no input device of that name or number",)),
        (MAC, {"device": ""}, ("no input device of that name or number",)),
        (WINDOWS, {"out_device": "realtek"}, ("2 output devices have that", "Headphones", "Speakers", "or the number")),
        (WINDOWS, {"device": "zzz"}, ("no input device", f'8 "{ASIO}"')),
        (LINUX, {"host_api": "jack"}, ('--host-api "jack"', "ALSA, OSS", "Start the JACK server")),
        (LINUX, {"host_api": "wasapi"}, ('--host-api "wasapi"', "There are: ALSA, OSS.")),
        (LINUX, {"host_api": ""}, ("There are: ALSA, OSS.",)),
        (LINUX, {"host_api": "oss"}, ("OSS: no input device", "Leave --host-api out")),
        (LINUX_JACK, {"device": "scarlett", "host_api": "jack"}, ("cannot be used", "system")),
    ],
)  # fmt: skip
def test_what_is_not_there_is_refused_with_what_is(there, asked, words):
    message = refusal(there, **asked)
    assert all(word in message for word in words), message
    assert message.count("\n") == 0


def test_a_long_list_is_cut_short():
    there = machine(("ALSA", [(f"box {number}", 2, 2, 48e3) for number in range(20)]), defaults={})
    assert refusal(there, device="drum").endswith('7 "box 7" and 12 more.')


def test_nothing_like_it_means_no_suggestion():
    assert "Did you mean" not in refusal(MAC, device="zoom q2n")


@pytest.mark.parametrize("lacking", ["audio", "input", "output"])
def test_without_devices_the_machine_is_at_fault_and_not_the_user(lacking):
    sides = {"audio": [], "input": [(0, 2)], "output": [(2, 0)]}[lacking]
    devices = [Device(0, "HDMI", 0, *channels, 48000.0) for channels in sides]
    with pytest.raises(DeviceError, match=f"no {lacking} device") as caught:
        choose(devices, NOTHING[1], device="scarlett")
    assert caught.value.exit_code == 1 and "--backend jack" not in str(caught.value)
    with pytest.raises(DeviceError, match=f"no {lacking} device. --backend jack plays all the same"):
        choose(devices, [*NOTHING[1], HostApi(1, "JACK Audio Connection Kit", -1, -1)])


def pair_named(source: str, sink: str) -> Machine:
    return machine(("System", [(source, 2, 0, 48e3), (sink, 0, 2, 48e3)]), defaults={"System": (source, sink)})


@pytest.mark.parametrize(
    ("microphone", "speakers"),
    [
        ("MacBook Pro Microphone", "MacBook Pro Speakers"),
        ("Built-in Microphone", "Built-in Output"),
        ("Internal Mic (hw:0,0)", "Speaker (hw:0,1)"),
        ("Mikrofon (Realtek Audio)", "Lautsprecher (Realtek Audio)"),
        ("Mikrofonarray (Intel SST)", "Lautsprecher (Realtek Audio)"),
        ("Microphone interne", "Haut-parleurs du MacBook"),
        ("Micrófono (Realtek)", "Altavoces (Realtek)"),
        ("Microfono MacBook", "Altoparlanti MacBook"),
        ("Microfone", "Alto-falantes"),
        ("Ingebouwde microfoon", "Luidsprekers"),
        ("HD Webcam C270", "Speakers (USB)"),
        ("マイク", "スピーカー"),
    ],
)
def test_a_microphone_goes_into_speakers_only_if_the_user_insists(microphone, speakers):
    there = machine(
        ("System", [(microphone, 1, 0, 48e3), (speakers, 0, 2, 48e3)]), defaults={"System": (microphone, speakers)}
    )
    message = refusal(there)
    assert microphone in message and speakers in message and "--allow-feedback" in message
    assert names(choose(*there, allow_feedback=True)) == (microphone, speakers)


@pytest.mark.parametrize(
    ("source", "sink"),
    [
        ("Microphone (Realtek)", "Headphones (Realtek)"),
        (LINE_IN, LINE_OUT),
        (MAPPER_IN, "Speakers"),
        ("Dynamics Micron 2", "Speakers"),
    ],
)
def test_other_pairs_pass(source, sink):
    assert names(choose(*pair_named(source, sink))) == (source, sink)


def with_rates(*rates_hz: tuple[int, ...], own_hz: float = 48000.0) -> Machine:
    devices = [
        Device(0, "in", 0, 2, 0, own_hz, rates_hz=rates_hz[0]),
        Device(1, "out", 0, 0, 2, own_hz, rates_hz=rates_hz[-1]),
    ]
    return devices, [HostApi(0, "System", 0, 1)]


@pytest.mark.parametrize(
    ("there", "asked_hz", "rate_hz"),
    [
        (with_rates(RATES_HZ), None, 48000),
        (with_rates(RATES_HZ, own_hz=44100.0), None, 44100),
        (with_rates(RATES_HZ, own_hz=192000.0), None, 48000),
        (with_rates(RATES_HZ, own_hz=192000.0), 96000, 96000),
        (with_rates((44100, 96000), RATES_HZ), None, 44100),
        (with_rates((), own_hz=44100.0), None, 44100),
        (with_rates(()), 88200, 88200),
    ],
)
def test_the_rate_is_the_devices_own_where_we_can(there, asked_hz, rate_hz):
    assert choose(*there, rate_hz=asked_hz).rate_hz == rate_hz


@pytest.mark.parametrize(
    ("there", "asked_hz", "words"),
    [
        (with_rates((48000,)), 44100, ("--rate 44100", '"in" takes 48000 Hz', "JACK")),
        (with_rates((48000, 96000)), 44100, ("Choose from 48000, 96000 Hz",)),
        (with_rates(RATES_HZ), 22050, ("--rate 22050", "44100, 48000, 88200, 96000 Hz")),
        (with_rates(()), 192000, ("44100, 48000, 88200, 96000 Hz",)),
        (with_rates((44100,), (48000,)), None, ("share no sample rate", '"in" takes 44100 Hz; "out" takes 48000 Hz')),
        (with_rates((44100,), (48000,)), 48000, ("--rate 48000", "Choose another device")),
    ],
)
def test_a_rate_that_is_not_there_is_refused(there, asked_hz, words):
    message = refusal(there, rate_hz=asked_hz)
    assert all(word in message for word in words), message


def test_only_the_chosen_devices_are_asked_for_their_rates():
    asked: list[str] = []

    def rates_of(device: Device) -> tuple[int, ...]:
        asked.append(device.name)
        return (96000,)

    chosen = choose(*WINDOWS, rates_of=rates_of)
    assert chosen.rate_hz == 96000 and sorted(asked) == sorted(names(chosen))
