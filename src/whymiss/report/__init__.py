"""A run as a page: numbers with intervals, a readiness checklist, the worst questions' traces."""

from __future__ import annotations

from whymiss.report.evidence import Expected, Place, expected_evidence
from whymiss.report.make import make_report
from whymiss.report.page import html, write
from whymiss.report.probes import gather
from whymiss.report.record import Report
from whymiss.report.worst import WorstQuestion

__all__ = [
    "Expected",
    "Place",
    "Report",
    "WorstQuestion",
    "expected_evidence",
    "gather",
    "html",
    "make_report",
    "write",
]
