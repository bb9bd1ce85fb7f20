"""Tables and figures of the papers. `catalog` lists them and `bench` is the command that makes them."""
