"""What comes next, from what came before: sources that foretell, and the one gate that says what of it is worth fetching.

A source is a class with two calls: `step` tells it what an entity came to, `offer` has it hand what it foretells to the gate,
the likeliest first, until the gate takes no more. Every source is quick (a few dictionary look-ups), bounded, and forgets. The
file `follower.py` joins them, `fitted.py` leads them through training rows and keeps what they learned.
"""
