"""Tables and figures of the papers. `bench` lists them and is the command that makes them."""
