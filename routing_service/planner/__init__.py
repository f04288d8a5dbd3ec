"""Whole populations: what a decision says for one place, for millions of them."""
