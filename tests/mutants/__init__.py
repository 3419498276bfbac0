"""The test of the tests: changes that break a promise, each of which a test must notice (reliability.md section 4, P50)."""
