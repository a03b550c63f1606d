"""The search: candidates are proposed, predicted, trained, stopped early; the best are measured and one is recommended."""
