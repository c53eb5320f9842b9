"""Independent tasks that a scheduler's workers do, taken back as they end."""

import contextlib
import json
import logging
import secrets
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from typing import Any

# So many seconds a scheduler has to answer.
PATIENCE = 5.0
LOST = "the Dask scheduler at {} was lost before it had answered ({}): what came before is kept"


@contextlib.contextmanager
def connected(address: str) -> Iterator[Any]:
    """Yield a client of the scheduler at an address, or of the one that a scheduler file (.json) names.

    Raises
    ------
    ConnectionError
        Nothing answers there.
    """
    from distributed import Client

    with _quiet():
        try:
            client = Client(_found(address), timeout=PATIENCE, set_as_default=False)
        except (OSError, ValueError, TypeError, KeyError, ImportError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ConnectionError(f"no Dask scheduler answers at {address}: {reason}") from error
        try:
            yield client
        finally:
            client.close(timeout=PATIENCE)


def _found(address: str) -> str:
    """Return the address, which a scheduler file holds as JSON."""
    if not address:
        raise ValueError("the address is empty")
    if not address.endswith(".json"):
        return address
    with open(address, encoding="utf-8") as file:
        return str(json.load(file)["address"])


def each(client: Any, function: Callable[..., Any], calls: Mapping[Any, tuple[Any, ...]]) -> Iterator[Any]:
    """Yield (name, result) of each call as it ends, in any order.

    Parameters
    ----------
    client : distributed.Client
    function : callable
        Known to the workers by its name.
    calls : mapping
        Name -> arguments.

    Raises
    ------
    OSError
        The scheduler was lost, or a task ended every worker that tried it; what was yielded before is right.
    """
    from distributed.comm import CommClosedError
    from distributed.scheduler import KilledWorker

    from distributed import as_completed

    token = secrets.token_hex(8)
    names = {f"widelearn-{token}-{number}": name for number, name in enumerate(calls)}
    futures = [client.submit(function, *calls[name], key=key, pure=False) for key, name in names.items()]
    done = as_completed(futures, loop=client.loop)
    del futures
    try:
        for future in done:
            yield names[future.key], future.result()
    except KilledWorker as error:
        raise OSError("a Dask worker died at one task again and again, perhaps for want of memory") from error
    except (CancelledError, CommClosedError) as error:
        raise OSError(LOST.format(client.scheduler.address, type(error).__name__)) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Let Dask say nothing by itself: what is wrong is raised."""
    logger = logging.getLogger("distributed")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)
