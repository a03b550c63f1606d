"""Training with the integers themselves: `prepare` a float model, fit it, export exactly what was trained."""
