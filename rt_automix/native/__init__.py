"""Compiled kernels as object files: made by a process with a compiler, loaded and called without one.

    source -> IR of its kernels (numba, `frontend`) -> object of a module for a processor (`emit`) -> `loader`

Both lie in a cache or are shipped (`store`), under a hash of exactly the sources they are made of (`sources`).
"""
