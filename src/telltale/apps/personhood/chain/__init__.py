"""The chain client: patterns wait on a Substrate chain, a score is asked for each, and a signed answer goes back.

`codec` knows bytes and nothing else. A binding (`remark`, `pallet`) says where patterns wait and which call carries a
score. `node` is the one file that talks to a node, `scoring` the one that talks to `/predict`, `journal` the one that
remembers: what is in it was on disk before anything was sent. `blocks` reads what became final, `submission` signs and
sends, `relay` is a pass over all of it and the loop that outlives the loss of either side.
"""
