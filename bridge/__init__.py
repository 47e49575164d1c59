"""From a nested checkpoint to one verified int8 model for phones and microcontrollers, with all subnetworks inside."""
