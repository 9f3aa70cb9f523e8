# `make demo` and `make test` set up everything they need in .venv, with the system's own python3.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The lists name everything; what is imported is compiled then.
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
READY := $(VENV)/ready
CAN_TRAIN := $(VENV)/can-train
MUSIC ?= $(HOME)/.cache/rt_automix/music
# Tests in two processes; those of one file in the same, as they share what was made for them.
IN_TWO := -n 2 --dist loadfile --durations 8
# Those that keep real time mostly wait: all together they compute for six minutes. One that fails is tried up to twice
# more, and shown: a host may take processors away for a while.
IN_FIVE := -n 5 --dist loadfile --durations 8
AGAIN := --reruns 2 -rfER

# The tests start hundreds of interpreters: let those keep what they have compiled.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-pipewire lint kernels music bench pictures plugin plugin-windows plugin-aarch64 plugin-macos wheel clean

demo: $(READY)
	$(BIN)/rt-automix demo

test: $(CAN_TRAIN)
	@command -v ffmpeg >/dev/null || { echo "ffmpeg is missing: it makes the test files and is a peer to measure against. Install it: sudo apt install ffmpeg"; exit 1; }
	@for each in flac lame sox; do command -v $$each >/dev/null || { echo "$$each is missing: it makes test files, or reads them beside us. Install it: sudo apt install flac lame sox"; exit 1; }; done
	@command -v jackd >/dev/null || echo "jackd is missing: the tests of live audio are skipped. Install it: sudo apt install jackd2 libportaudio2"
	@command -v pipewire >/dev/null && command -v pw-jack >/dev/null && command -v wireplumber >/dev/null || echo "PipeWire is missing: the tests beside it are skipped. Install it: sudo apt install pipewire pipewire-bin pipewire-jack pipewire-alsa wireplumber dbus-daemon"
	@command -v gst-launch-1.0 >/dev/null || echo "GStreamer is missing: the test of a pipe in it is skipped. Install it: sudo apt install gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good"
	@command -v liquidsoap >/dev/null || echo "Liquidsoap is missing: the test of a pipe in it is skipped. Install it: sudo apt install liquidsoap"
	@command -v icecast2 >/dev/null || echo "Icecast is missing: the test of a stream through it is skipped. Install it: sudo apt install icecast2"
	@command -v oscsend >/dev/null || echo "liblo's tools are missing: the test of OSC with them is skipped. Install it: sudo apt install liblo-tools"
	@PATH="$$PATH:/usr/sbin" command -v nginx >/dev/null && command -v openssl >/dev/null || echo "nginx is missing: the tests of the panel behind it are skipped. Install it: sudo apt install nginx openssl"
	@command -v systemd-analyze >/dev/null && test -x /lib/systemd/systemd || echo "systemd is missing: the tests of its units are skipped. Install it: sudo apt install systemd"
	@command -v chromium >/dev/null || echo "chromium is missing: the tests of the panel in a browser are skipped. Install it: sudo apt install chromium"
	@test -d "$(MUSIC)" || echo "No music in $(MUSIC): tests on real songs are skipped. Fetch it (Debian, 200 MB): make music"
	@command -v lv2apply >/dev/null && command -v g++ >/dev/null && pkg-config --exists lilv-0 2>/dev/null && test -d /usr/share/dpf && test -d /usr/include/lv2 || echo "What plug-ins are built with and run in is missing: their tests are skipped. Install it: sudo apt install g++ lv2-dev liblilv-dev lilv-utils pkg-config jalv dpf-source"
	@command -v valgrind >/dev/null && command -v gcc >/dev/null || echo "valgrind or gcc is missing: instructions are not counted. Install them: sudo apt install valgrind gcc libc6-dev"
	RT_AUTOMIX_MUSIC="$(MUSIC)" $(BIN)/python -m pytest $(IN_TWO) -m "not live and not alone"
	RT_AUTOMIX_MUSIC="$(MUSIC)" $(BIN)/python -m pytest $(IN_FIVE) -m live $(AGAIN)
	RT_AUTOMIX_MUSIC="$(MUSIC)" $(BIN)/python -m pytest -m alone $(AGAIN) --durations 8
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest $(IN_TWO) tests/dsp tests/analysis/hearing/test_hearing.py

# What keeps real time, once more with PipeWire in the place of jackd. No part of CI, whose time is full.
test-pipewire: $(CAN_TRAIN)
	RT_AUTOMIX_SERVER=pipewire RT_AUTOMIX_MUSIC="$(MUSIC)" pw-jack $(BIN)/python -m pytest -m "live or alone" --durations 8 \
	    tests/live tests/io/midi tests/cli/test_cli_midi.py tests/cli/test_screen.py

lint: $(CAN_TRAIN)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

kernels: $(READY)
	$(BIN)/python -c "from rt_automix.native import build; list(build.compile_missing())"

music:
	tests/fetch_music "$(MUSIC)"

bench: $(READY)
	$(BIN)/python -m bench all --quick

pictures: $(CAN_TRAIN)
	PYTHONPATH=.:tests/helpers:tests/panel $(BIN)/python docs/pictures.py "$(MUSIC)"

plugin: $(READY)
	$(BIN)/rt-automix plugin build -o plugins

# For other systems, with zig; run where something can run it. No part of CI.
plugin-windows: TARGET := windows-x86_64
plugin-aarch64: TARGET := linux-aarch64
plugin-macos: TARGET := macos-arm64
plugin-windows plugin-aarch64 plugin-macos: $(READY)
	$(PIP) "ziglang>=0.13"
	$(BIN)/rt-automix plugin build --format clap,vst3 --target $(TARGET) -o plugins/$(TARGET)
	PYTHONPATH=. $(BIN)/python tests/plugin/elsewhere.py plugins/$(TARGET) $(TARGET)

wheel: $(READY)
	RT_AUTOMIX_SHIP=all $(BIN)/pip wheel -v --disable-pip-version-check --no-deps --no-build-isolation -w dist .

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Choose another: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing. Install it: sudo apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) --no-deps --no-compile -r requirements.lock
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $(READY)

$(CAN_TRAIN): requirements-training.lock $(READY)
	$(PIP) --no-deps --no-compile -r requirements-training.lock
	@touch $(CAN_TRAIN)

clean:
	rm -rf $(VENV) build dist plugins *.egg-info demo-out bench-out
