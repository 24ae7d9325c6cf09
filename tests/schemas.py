"""The published schemas, for whatever test sees a document."""

import json
from functools import cache
from pathlib import Path

from jsonschema import Draft202012Validator

FOLDER = Path(__file__).parent.parent / "schemas"
NAMES = ("order.v1", "transition.v1", "segment.v1", "quantiles.v1")


@cache
def validator(name: str) -> Draft202012Validator:
    """The validator of a schema: ``validator("transition.v1").validate(document)``."""
    schema = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
