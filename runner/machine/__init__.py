"""What runs on a machine while it becomes an image, and as it starts: its model, its first words, its early reading."""
