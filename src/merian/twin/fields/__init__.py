"""What field data of animals through time and space demand, and what the twin gives: rows of the validation panel, and pictures beside them."""
