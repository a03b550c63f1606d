"""Tables of the documents, one function each: Markdown from benchmarks/results, or from the code."""
