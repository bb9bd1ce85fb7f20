"""What samplers, tiles, the input pipeline and an exported model cost and give."""
