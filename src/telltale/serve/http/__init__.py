"""From the network to a call and back: paths, headers, problem documents; nothing here knows a model."""
