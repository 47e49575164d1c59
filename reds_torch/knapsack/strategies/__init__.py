"""Several nested subnetworks: in which order they are solved, or together."""
