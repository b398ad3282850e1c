"""The committed schemas are those of the models, and real files fit them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from lockflight.locks.file import plain
from lockflight.schemas import SCHEMAS, schema_text
from tests.locks import builders
from tests.test_config import GOOD

ROOT = Path(__file__).parent.parent


def committed(name: str) -> Any:
    return json.loads((ROOT / "schemas" / name).read_text())


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_committed_schema_is_the_one_that_the_models_give(name: str) -> None:
    stale = "stale: run 'make schemas' and commit the result"
    assert (ROOT / "schemas" / name).read_text() == schema_text(name), stale


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_a_valid_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(committed(name))


def test_a_lock_fits_the_schema_and_an_edited_one_does_not() -> None:
    data = plain(builders.lock())
    jsonschema.validate(data, committed("lock.schema.json"))
    data["services"]["cart"]["digest"] = "sha256:short"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, committed("lock.schema.json"))


def test_a_manifest_fits_the_schema_and_a_misspelt_one_does_not() -> None:
    from lockflight.yaml_source import parse_document

    data = parse_document(GOOD, "lockflight.yaml").data
    jsonschema.validate(data, committed("manifest.schema.json"))
    data["services"]["cart"]["compose"] = "cart-api"
    jsonschema.validate(data, committed("manifest.schema.json"))
    data["servces"] = {}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, committed("manifest.schema.json"))
