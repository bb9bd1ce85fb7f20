"""The tables and figures of the paper; `catalog` lists them, `bench` makes them."""
