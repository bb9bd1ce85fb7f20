"""The paper's experiments: a config for each trained variant, a module for each table or figure."""
