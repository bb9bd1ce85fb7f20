"""The trained numbers that some metrics need: which files, where they come from, where they are kept, how they are read."""
