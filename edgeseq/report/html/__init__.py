"""The report as one self-contained HTML file."""

from edgeseq.report.html.page import render

__all__ = ["render"]
