"""Messages that nobody should send, made up by hypothesis."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from rt_automix.panel import api

PROFILES = ("balanced", "a/path.toml")

NUMBERS = st.one_of(st.integers(), st.floats(), st.floats(-1, 1), st.just(10**2000))
ODD = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=50)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)
WORDS = st.sampled_from((*api.CONTROLS, "save", "recall", *PROFILES, *api.LISTEN))
LIKELY = st.one_of(WORDS, NUMBERS, st.booleans(), st.none(), ODD)
FIELDS = st.sampled_from(("control", "value", "steps", "on", "do", "name", "extra"))
LIKE_ONES = st.one_of(
    *(
        st.fixed_dictionaries({"v": st.just(1), "type": st.just(kind)} | dict.fromkeys(fields, LIKELY))
        for kind, fields in api._FIELDS.items()
    )
)
FUZZED = st.one_of(
    LIKE_ONES.map(json.dumps),
    st.tuples(LIKE_ONES, st.dictionaries(FIELDS, ODD, max_size=2)).map(lambda two: json.dumps(two[0] | two[1])),
    LIKE_ONES.map(json.dumps).flatmap(lambda text: st.integers(0, len(text)).map(lambda cut: text[:cut])),
    ODD.map(json.dumps),
    st.text(max_size=200),
    st.binary(max_size=200),
)
"""Messages: right, nearly right, cut off, and nothing of the kind."""
