"""What each operator ties together: one table, and a file of rules for each family."""
