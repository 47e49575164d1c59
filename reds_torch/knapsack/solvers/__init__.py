"""One subnetwork, solved: bounds, elimination, dynamic programming, HiGHS."""
