"""The parts of `minhash_index`: signatures, segments, and things in compact arrays."""
