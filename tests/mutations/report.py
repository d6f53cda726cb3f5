"""Guards of what every rule found, the report and its tables."""

MUTATIONS = [
    (
        "a failed attempt loses what the rules found",
        "pipeline/lake.py",
        "self.quality += failed.findings",
        "pass",
        "tests/pipeline/test_audit.py::test_a_failed_audit_leaves_its_findings_as_evidence_and_none_of_its_values",
    ),
    (
        "an audit passed from memory leaves no findings",
        "pipeline/lake.py",
        'return [one for one in found if one["table"] == table and one["rule"] not in GATES]',
        "return []",
        "tests/pipeline/test_audit.py::test_findings_stand_in_the_manifest_also_when_the_audit_was_passed_before",
    ),
    (
        "rows of later slices are not counted",
        "pipeline/audit.py",
        'finding["failed"] += int(outcome["unexpected_count"])',
        'finding["failed"] = int(outcome["unexpected_count"])',
        "tests/pipeline/test_audit.py::test_counts_of_a_rule_are_summed_over_slices",
    ),
]
