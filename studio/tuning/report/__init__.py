"""What a tuning brought, measured and told honestly, also when it did not help.

`make_report` measures, `Report` is what it found and can be kept as JSON, `page` shows it.
`controls` names books that may serve to compare with.
"""

from __future__ import annotations

from studio.tuning.report.figures import Report, ReportError
from studio.tuning.report.making import Control, Effort, Limits, Passage, make_report
from studio.tuning.report.measured import Measured
from studio.tuning.report.voice import ReportStopped

__all__ = [
    "Control",
    "Effort",
    "Limits",
    "Measured",
    "Passage",
    "Report",
    "ReportError",
    "ReportStopped",
    "make_report",
]
