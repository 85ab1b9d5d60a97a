"""The versions that serve, and how a promotion reaches them while requests go on."""
