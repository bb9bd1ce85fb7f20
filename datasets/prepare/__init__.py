"""Getting data ready for training and testing: published archives into records, one's own pictures into pairs."""
