"""Many photos: which are meant, where each goes, what is written beside it, and the work through them."""
