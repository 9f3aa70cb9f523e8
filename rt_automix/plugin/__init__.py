"""The engine as LV2, CLAP and VST3: the objects that Python runs, linked with a core in C and a thin shim each.

    kernels -> objects (`native`) ---+
    tables, learned numbers (`made`) +--> one shared library per format (`build`)
    core.c, lv2.c, clap.c, vst3.cpp -+

Nothing of Python is left in it. What a parameter is stands once, in `table`.
"""
