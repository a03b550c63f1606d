"""What may be tried: the choices, the target they shall run on, and which fit the budget by prediction."""
