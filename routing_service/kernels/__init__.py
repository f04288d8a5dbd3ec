"""Compiled kernels: arrays in, arrays out. The only package that knows numba.

Contract for all of them: indices are ``int32``, times are milliseconds and lengths centimetres
in ``int32``, ``INF_MS`` means "no route" or "closed", ``-1`` means "none". Buffers belong to the
caller; a kernel allocates nothing, raises nothing and answers trouble with a sentinel. None is
compiled with ``parallel=True``: callers run them from several threads at once (they release the
GIL), and numba's default threading layer aborts when it is entered that way.
"""
