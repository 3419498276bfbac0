"""Patterns for text that people type, for msgspec's ``Meta(pattern=…)`` and OpenAPI alike.

They end in ``$(?!\\n)`` because Python's ``$`` also matches before a last newline.
"""

# No control characters, and none of the marks that turn the direction of what follows.
_ODD = r"\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069"

ONE_LINE = rf"^[^{_ODD}]*[^\s{_ODD}][^{_ODD}]*$(?!\n)"
EMAIL = rf"^[^\s@{_ODD}]+@[^\s@{_ODD}]+$(?!\n)"
