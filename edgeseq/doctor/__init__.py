"""Says in plain words why someone else's model file will not run on a small machine, or runs wrongly, and what to do.

TensorFlow takes no part, and nothing of the file is run.
"""

from edgeseq.doctor.examine import diagnose
from edgeseq.doctor.finding import SEVERITIES, Diagnosis, Finding, Severity, Verdict

__all__ = ["SEVERITIES", "Diagnosis", "Finding", "Severity", "Verdict", "diagnose"]
