"""Random histories of the real services against a model of the shop (reliability.md P49)."""

import pytest

pytest.register_assert_rewrite("tests.model.histories")
