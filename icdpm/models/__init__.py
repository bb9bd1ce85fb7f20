"""What is trained: Keras models that join a network with the maths of diffusion, their configs and their weights."""
