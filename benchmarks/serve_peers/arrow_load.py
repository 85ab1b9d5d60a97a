"""One large batch of rows as an Arrow stream: what a client sends, and what it is answered."""

import http.client
import io
import threading
import time
from collections.abc import Iterator, Sequence

import polars as pl

from benchmarks.serve_peers.servers import Server
from telltale.contract.errors import TelltaleError

_ARROW = "application/vnd.apache.arrow.stream"
_BATCH_ROWS = 65_536
_SENT_BYTES = 1 << 18


def arrow_stream(rows: pl.DataFrame, n_rows: int) -> bytes:
    """The rows again and again, as a stream of record batches of a size that clients use."""
    import pyarrow as pa

    table = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
    whole = pa.concat_tables([table] * -(-n_rows // len(rows))).slice(0, n_rows).combine_chunks()
    written = io.BytesIO()
    with pa.ipc.new_stream(written, whole.schema) as writer:
        writer.write_table(whole, max_chunksize=_BATCH_ROWS)
    return written.getvalue()


def arrow_batch(server: Server, path: str, stream: bytes, n_rows: int) -> tuple[float, float]:
    """Rows a second, and how far memory rose above where it stood (MB).

    Raises:
        TelltaleError: the answers are not one for each row, or one of them is an error.
    """
    before_mb = peak_mb = server.rss_mb()
    is_done = threading.Event()

    def watch() -> None:
        nonlocal peak_mb
        while not is_done.wait(0.05):
            peak_mb = max(peak_mb, server.rss_mb())

    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
    began = time.perf_counter()
    connection.putrequest("POST", path)
    connection.putheader("content-type", _ARROW)
    connection.putheader("content-length", str(len(stream)))
    connection.endheaders()

    def send() -> None:
        for part in _cut(stream):
            connection.send(part)

    threads = [threading.Thread(target=watch), threading.Thread(target=send)]
    for thread in threads:
        thread.start()
    # Read while sending, as the server answers while it reads; what was answered is looked at once the clock stands.
    answer = connection.response_class(connection.sock, method="POST")
    answer.begin()
    parts = [*iter(lambda: answer.read(_SENT_BYTES), b"")]
    seconds = time.perf_counter() - began
    is_done.set()
    for thread in threads:
        thread.join()
    status = answer.status
    answer.close()
    connection.close()
    _check(status, parts, n_rows)
    return n_rows / seconds, peak_mb - before_mb


def _cut(stream: bytes) -> Iterator[memoryview]:
    whole = memoryview(stream)
    for start in range(0, len(whole), _SENT_BYTES):
        yield whole[start : start + _SENT_BYTES]


def _check(status: int, parts: Sequence[bytes], n_rows: int) -> None:
    import pyarrow as pa

    if status != 200:
        raise TelltaleError(f"the Arrow batch was answered {status}: {b''.join(parts)[:500]!r}", where="serve")
    answers = pa.ipc.open_stream(b"".join(parts)).read_all()
    n_faults = len(answers) - answers["error"].null_count
    if len(answers) != n_rows or n_faults:
        raise TelltaleError(f"{len(answers)} answers to {n_rows} rows, {n_faults} of them errors", where="serve")
