"""The parts of models that divide rows into segments: a card of points, how it is fitted, how alike divisions are."""
