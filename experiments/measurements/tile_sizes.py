"""What tiles are measured on and with."""

WIDTH, HEIGHT = 1280, 720
LARGE = (6000, 4000)
CORE = 192  # pixels to a side that a tile of the margin table stands for
SAMPLERS = ("ancestral", "dpmpp_2m")
STEPS = 5
