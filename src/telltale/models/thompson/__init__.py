"""The parts of `linear_thompson`: what it keeps, how it learns, and with which probability it chooses."""
