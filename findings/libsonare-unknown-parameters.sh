#!/usr/bin/env bash
# libsonare 1.9.1: a chain refuses a parameter that it does not know, single processors and pair processors take it
# and do nothing with it. A misspelt `maxGainDb` of the match equaliser is no error: the default is used.
#
# Seen:
#   mastering_chain: refused, [4] unknown chain config key: dynamics.compressor.maxGainDB
#   mastering_process: accepted, same samples as without it
#   mastering_pair_process: accepted, same samples as without it; spelt maxGainDb, others
# What follows for us: bench/quality/sonare.py gives the pair processor no parameters, and the chain checks the rest.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check libsonare==1.9.1 numpy==2.4.6
cat >"$folder/try.py" <<'PY'
import libsonare
import numpy as np

RATE_HZ = 44_100
rng = np.random.default_rng(1)
music = (0.1 * rng.standard_normal(3 * RATE_HZ)).astype(np.float32)
other = np.convolve(music, np.ones(8) / 8.0, "same").astype(np.float32)
misspelt = {"maxGainDB": 3.0}

try:
    libsonare.mastering_chain(music, RATE_HZ, {"dynamics": {"compressor": {"enabled": True, **misspelt}}})
    print("mastering_chain: accepted")
except libsonare.SonareError as error:
    print(f"mastering_chain: refused, {error}")


def processed(parameters):
    return np.asarray(libsonare.mastering_process("dynamics.compressor", music, RATE_HZ, parameters).samples)


def matched(parameters):
    return np.asarray(libsonare.mastering_pair_process("match.applyMatchEq", music, other, RATE_HZ, parameters).samples)


def verdict(one, two):
    return "same samples as without it" if np.array_equal(one, two) else "OTHER samples than without it"


print(f"mastering_process: accepted, {verdict(processed(None), processed(misspelt))}")
right = "others" if not np.array_equal(matched(None), matched({"maxGainDb": 3.0})) else "THE SAME"
print(f"mastering_pair_process: accepted, {verdict(matched(None), matched(misspelt))}; spelt maxGainDb, {right}")
PY
"$folder/venv/bin/python" "$folder/try.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
mastering_chain: refused, [4] unknown chain config key: dynamics.compressor.maxGainDB
mastering_process: accepted, same samples as without it
mastering_pair_process: accepted, same samples as without it; spelt maxGainDb, others
SEEN
echo "libsonare 1.9.1 still does so."
