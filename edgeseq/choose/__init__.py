"""Which network fits a budget: predict what candidates cost, search, compare cells fairly, measure the best, recommend."""
