"""Who may do what, how much and how often."""
