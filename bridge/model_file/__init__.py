"""The model file: read, write, cut, and the table of subnetworks in it."""
