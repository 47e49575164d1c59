"""What the operating system gives: files that are replaced whole, processes in step, memory that is kept."""
