"""Mutants that change nothing that anybody could notice, each with the reason."""

EQUIVALENTS: dict[str, str] = {}
