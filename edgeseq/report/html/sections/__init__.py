"""The page's parts, each a function from the results to a Section, or to None where there is nothing to show."""
