"""From candidates to an answer: finalists measured, one recommended, and why each of the others lost."""
