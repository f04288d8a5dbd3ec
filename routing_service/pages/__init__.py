"""Pieces of pages for people: tables, plots and maps as text, the same figures the same bytes."""
