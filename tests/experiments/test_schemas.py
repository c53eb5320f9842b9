"""Results keep to the JSON schema that the package ships."""

import json

import jsonschema
import pytest

import compared_results
from source import PACKAGE

SCHEMA = json.loads((PACKAGE / "experiments" / "schemas" / "compare-2.json").read_text(encoding="utf-8"))


def faults(results):
    return [error.json_path for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(results)]


def test_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("make", [compared_results.classification, compared_results.regression])
def test_results_keep_to_it(make):
    assert faults(make()) == []
    assert faults(make() | {"inspection": None, "chosen": None, "forecast": {"text": "no"}, "more": 1}) == []


def test_what_is_wrong_is_found():
    results = compared_results.classification()
    assert faults(results | {"schema": "widelearn-compare/1"}) == ["$.schema"]
    assert faults(results | {"metric": "f1"}) == ["$.metric"]
    results["rows"][1]["interval"] = [0.1]
    results["rows"][2]["scores"]["kappa"] = 0.5
    assert faults(results) == ["$.rows[1].interval", "$.rows[2].scores"]
    del results["chosen"]
    assert "$" in faults(results)
