"""Prometheus' text format, as it reads it."""

from prometheus_client.parser import text_string_to_metric_families

Samples = dict[str, float]


def samples_of(text: str) -> Samples:
    """Every number by its name and labels."""
    return {
        " ".join([sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))]): float(
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def growth(before: Samples, after: Samples) -> Samples:
    """What counts more than it did; the process's own figures left out."""
    return {
        name: value - before.get(name, 0)
        for name, value in after.items()
        if value != before.get(name, 0) and not name.startswith("process_")
    }
