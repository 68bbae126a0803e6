"""How two processes of the app hand values to each other: pickled, arrays as plain bytes beside.

Both ends are this program: nothing that comes from outside is ever unpickled. Large values that both sides know
(the photo, the landmarks, expression shapes) cross once or not at all.
"""

import io
import os
import pickle
import threading
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from facestudio.template.model import load_template
from facestudio.values import Landmarks, Photo

_SHARED = (Photo, Landmarks)
_TEMPLATE_DELTAS = "the template's expression shapes"


class Wire:
    """One end of a connection; several threads may send, one receives.

    The runner recomputes only what changed and knows a photo and landmarks by being the same object: each end
    keeps those of the last message that had any, so that the same object here is the same object there.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._lock = threading.Lock()
        self._sent: dict[
            int, tuple[int, Any]
        ] = {}  # by id: number, and the value, which keeps the id its own
        self._received: dict[int, Any] = {}
        self._count = 0

    def send(self, *message: Any) -> None:
        """Send a tuple. Raises OSError if the other end is gone."""
        with self._lock:
            shared = _shared_in(message)
            wanted, kinds = {id(value) for value in shared}, {type(value) for value in shared}
            old = [key for key, (_, v) in self._sent.items() if type(v) in kinds and key not in wanted]
            if old:
                self._write(("drop", *(self._sent.pop(key)[0] for key in old)))
            for value in shared:
                if id(value) not in self._sent:
                    self._count += 1
                    self._write(("keep", self._count, value), whole=True)
                    self._sent[id(value)] = (self._count, value)
            self._write(message)

    def receive(self) -> tuple[Any, ...]:
        """Wait for a message. Raises EOFError or OSError if the other end is gone."""
        while True:
            head = self.connection.recv_bytes()
            sizes = np.frombuffer(self.connection.recv_bytes(), dtype="<u8").tolist()
            buffers = [_take(self.connection, size) for size in sizes]
            message = _Unpickler(io.BytesIO(head), buffers, self._received).load()
            if message[0] == "keep":
                self._received[message[1]] = message[2]
            elif message[0] == "drop":
                for number in message[1:]:
                    self._received.pop(number, None)
            else:
                return message

    def close(self) -> None:
        """Close this end."""
        self.connection.close()

    def _write(self, message: tuple[Any, ...], *, whole: bool = False) -> None:
        file, buffers = io.BytesIO(), list[pickle.PickleBuffer]()
        _Pickler(file, buffers, {} if whole else self._sent).dump(message)
        raw = [buffer.raw() for buffer in buffers]
        self.connection.send_bytes(file.getvalue())
        self.connection.send_bytes(np.array([part.nbytes for part in raw], dtype="<u8").tobytes())
        for part in raw:
            _put(self.connection, part)


def _put(connection: Connection, data: memoryview) -> None:
    """Send plain bytes of a length that the other end knows."""
    if os.name == "nt":
        connection.send_bytes(data)
        return
    while data:
        data = data[os.write(connection.fileno(), data) :]


def _take(connection: Connection, size: int) -> bytes | memoryview:
    """Receive so many plain bytes.

    Read where they shall stay: `recv_bytes` copies them twice, and other threads wait meanwhile.
    """
    if os.name == "nt":
        return connection.recv_bytes()
    data = bytearray(size)
    rest = memoryview(data)
    while rest:
        count = os.readv(connection.fileno(), [rest])
        if not count:
            raise EOFError
        rest = rest[count:]
    return memoryview(data).toreadonly()


def _shared_in(message: tuple[Any, ...]) -> list[Any]:
    """Return the values of a request or an outcome that are kept at both ends."""
    found: list[Any] = []
    for part in message:
        for one in (part, *getattr(part, "more", ())):
            for name in ("photo", "landmarks"):
                value = getattr(one, name, None)
                if isinstance(value, _SHARED):
                    found.append(value)
        # While a landmark is dragged the shapes stay the same, and are by far the largest part of a head.
        deltas = getattr(getattr(part, "head", None), "expression_deltas", None)
        if isinstance(deltas, np.ndarray) and deltas is not load_template().expression_deltas:
            found.append(deltas)
    return found


class _Pickler(pickle.Pickler):
    def __init__(
        self, file: io.BytesIO, buffers: list[pickle.PickleBuffer], sent: dict[int, tuple[int, Any]]
    ) -> None:
        super().__init__(file, protocol=5, buffer_callback=buffers.append)
        self._sent = sent
        self._deltas = load_template().expression_deltas

    def persistent_id(self, obj: Any) -> Any:
        """Name what the other end has already."""
        if obj is self._deltas:
            return _TEMPLATE_DELTAS
        number, kept = self._sent.get(id(obj), (0, None))
        return number if kept is not None and kept is obj else None


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, buffers: list[bytes | memoryview], received: dict[int, Any]) -> None:
        super().__init__(file, buffers=buffers)
        self._received = received

    def persistent_load(self, pid: Any) -> Any:
        """Return what was named."""
        if pid == _TEMPLATE_DELTAS:
            return load_template().expression_deltas
        if pid not in self._received:
            raise pickle.UnpicklingError(f"value {pid} is not here")
        return self._received[pid]
