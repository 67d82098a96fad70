"""What we know: the words, and the memory that keeps them."""
