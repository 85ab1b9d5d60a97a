"""The parts of `tabular_q`: the table, the rings of levels about a state, and with which probability it chooses."""
