"""What a registry shows."""

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families


def samples(registry):
    """What is shown, without when it was made."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
        if not sample.name.endswith("_created")
    }
