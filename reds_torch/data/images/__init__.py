"""Images, from arrays and from folders."""
