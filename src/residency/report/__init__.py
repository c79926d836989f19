"""The report: one HTML page that needs nothing but itself."""

from residency.report.page import render_report

__all__ = ["render_report"]
