"""Trials at work: workers, here or on a Ray cluster, each train, stop early, quantise and score one candidate."""
