"""Values -> JSON and terminal tables."""
