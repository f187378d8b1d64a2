"""audit: is the data good enough to go on? A report in reports/audit.json, and a gate."""

import json
from pathlib import Path

from mia_ml import settings
from mia_ml.core.errors import DataError
from mia_ml.store import audit, audit_page
from pipelines import TABLES, run, write_metrics

REPORT = Path("reports/audit.json")


def main() -> None:
    limits = audit.Limits(**settings.load().audit.model_dump())
    found = audit.audit(TABLES, limits)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(found, indent=2) + "\n")
    print(audit_page.text(found))
    severities = [finding["severity"] for finding in found["findings"]]
    counts = {f"{kind}s": severities.count(kind) for kind in ("error", "warning")}
    write_metrics("audit", counts | {"passed": found["passed"]})
    if not found["passed"]:
        worst = next(finding["text"] for finding in found["findings"] if finding["severity"] == "error")
        raise DataError(f"the data audit failed: {worst} (all of it in {REPORT}; limits in conf/audit)")


if __name__ == "__main__":
    run(main)
