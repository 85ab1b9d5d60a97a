"""Flow records made up for a check that the benchmark runs."""

import numpy as np
import polars as pl


def made_flows(n_rows: int, *, seed: int) -> pl.DataFrame:
    """Rows in the columns of UNSW-NB15 that the benchmark names, as `intrusion_cases` tidies them; a third are attacks.

    Floods send many small packets, exfiltration large ones out, scans one packet to a service that is rare.
    """
    rng = np.random.default_rng(seed)
    kind = rng.choice(("normal", "flood", "exfiltration", "scan"), size=n_rows, p=(0.67, 0.11, 0.11, 0.11))
    packets = np.where(kind == "flood", rng.lognormal(5.0, 0.8, n_rows), rng.lognormal(2.5, 0.8, n_rows))
    packets = np.where(kind == "scan", 1.0, packets)
    size = np.where(kind == "flood", 60.0, rng.lognormal(5.5, 0.6, n_rows))
    out = np.where(kind == "exfiltration", rng.lognormal(11.0, 1.0, n_rows), rng.lognormal(7.0, 1.2, n_rows))
    service = np.where(kind == "scan", rng.choice(("x11", "ldap", "http"), n_rows), rng.choice(("http", "dns"), n_rows))
    return pl.DataFrame(
        {
            "ct_state_ttl": rng.integers(0, 3, n_rows).astype(np.float64),
            "dbytes": out.round(),
            "dpkts": (out / 900).round() + 1,
            "dttl": rng.choice((29.0, 252.0), n_rows),
            "protocol": rng.choice(("tcp", "udp"), n_rows),
            "sbytes": (packets * size).round(),
            "service": service,
            "spkts": packets.round(),
            "sttl": rng.choice((31.0, 62.0), n_rows),
            "tcprtt": rng.lognormal(-3.0, 0.5, n_rows),
            "attack_kind": kind,
            "attack_family": kind,
            "is_attack": (kind != "normal").astype(np.int8),
        }
    )
