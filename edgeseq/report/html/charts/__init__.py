"""Charts as figures of Plotly, in plain dictionaries: nothing here needs the package plotly."""
