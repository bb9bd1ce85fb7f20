"""The console scripts: one absl main a command, which parses, calls and prints."""
