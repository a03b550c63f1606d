"""What a search knows: the Optuna study, what each trial keeps there, and candidates read from it."""
