"""Composition roots: the only places that put sources, builder, file and engine together.

Each imports what it puts together and no more, so that serving does not wait for the builder nor
building for the live state.
"""
