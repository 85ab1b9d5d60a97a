"""How far a rumour is spread: the network, its closed form, and the task."""
