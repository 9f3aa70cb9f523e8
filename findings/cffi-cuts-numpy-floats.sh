#!/usr/bin/env bash
# cffi 2.1.1 with numpy 2.4.6: where C takes an integer, a Python float is refused and so is numpy.float64, which is
# one, but numpy.float32, float16, longdouble and arrays of no dimension are taken and cut to an integer without a
# word; numpy.complex64 too, with a warning of numpy's about the imaginary part. ctypes refuses them all.
#
# Seen, each worth 2.7, to C's labs(long) and to a new int8_t:
#   float: cffi refuses, refuses; ctypes refuses
#   float64: cffi refuses, refuses; ctypes refuses
#   float32: cffi takes 2, takes 2; ctypes refuses
#   float16: cffi takes 2, takes 2; ctypes refuses
#   longdouble: cffi takes 2, takes 2; ctypes refuses
#   complex64: cffi takes 2, takes 2; ctypes refuses
#   ndarray of float64: cffi takes 2, takes 2; ctypes refuses
# What follows for us: native/abi.py leaves scalars to cffi, so a float32 in an integer's place is no error there.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cffi==2.1.1 numpy==2.4.6
cat >"$folder/try.py" <<'PY'
import ctypes
import warnings

import cffi
import numpy as np

warnings.simplefilter("ignore")
ffi = cffi.FFI()
ffi.cdef("long labs(long);")
labs = ffi.dlopen(None).labs


def verdict(function, value):
    try:
        return f"takes {function(value)}"
    except TypeError:
        return "refuses"


kinds = (float, np.float64, np.float32, np.float16, np.longdouble, np.complex64, np.array)
for kind in kinds:
    value = kind(2.7)
    name = "ndarray of float64" if kind is np.array else kind.__name__
    called, made = verdict(labs, value), verdict(lambda one: ffi.new("int8_t *", one)[0], value)
    print(f"{name}: cffi {called}, {made}; ctypes {verdict(lambda one: ctypes.c_long(one).value, value)}")
PY
"$folder/venv/bin/python" "$folder/try.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
float: cffi refuses, refuses; ctypes refuses
float64: cffi refuses, refuses; ctypes refuses
float32: cffi takes 2, takes 2; ctypes refuses
float16: cffi takes 2, takes 2; ctypes refuses
longdouble: cffi takes 2, takes 2; ctypes refuses
complex64: cffi takes 2, takes 2; ctypes refuses
ndarray of float64: cffi takes 2, takes 2; ctypes refuses
SEEN
echo "cffi 2.1.1 still does so."
