"""Verification: is this act by whom it is said to be by? By the timing of a sequence, against a profile of earlier ones.

`sequence` is what is compared. `aligned` matches sequences whose acts are the same kinds in the same order (a password),
place by place; `mixed` matches any two, by how acts of each kind and pair of kinds are timed (free text). Both read a
`profile`: what enrolment keeps of somebody, in a few kilobytes. A background, where there is one, comes from people other
than those who are verified.
"""
