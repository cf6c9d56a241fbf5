"""JSON-RPC over two streams of bytes, as the language server protocol has it: each message with its length in front."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import IO, Any

PARSE_ERROR, INVALID_REQUEST, UNKNOWN_METHOD, INTERNAL_ERROR = -32700, -32600, -32601, -32603
LARGEST = 64 << 20  # bytes of a message

Method = Callable[[dict[str, Any]], Any]


class Connection:
    """Reads requests and calls the method of that name; what it gives is the answer."""

    def __init__(self, source: IO[bytes], sink: IO[bytes], methods: dict[str, Method]) -> None:
        self.source, self.sink, self.methods = source, sink, methods

    def receive(self) -> Any:
        """The next message; None at the end.  ValueError for something that is none."""
        length = -1
        while line := self.source.readline(1000):
            name, _, value = line.partition(b":")
            if not line.strip():
                if not 0 <= length <= LARGEST:
                    raise ValueError("a header Content-Length, of at most 64 MB, expected")
                data = self.source.read(length)
                return json.loads(data) if len(data) == length else None
            if name.strip().lower() == b"content-length":
                length = int(value)
        return None

    def send(self, message: dict[str, Any]) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.sink.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
        self.sink.flush()

    def notify(self, method: str, parameters: Any) -> None:
        self.send({"method": method, "params": parameters})

    def serve(self) -> None:
        """Answer until the end, or until somebody says exit."""
        while True:
            try:
                message = self.receive()
            except (ValueError, RecursionError) as error:
                self.send({"id": None, "error": {"code": PARSE_ERROR, "message": str(error)}})
                continue
            if message is not None and not (isinstance(message, dict) and isinstance(message.get("method", ""), str)):
                text = "an object with the name of a method expected"
                self.send({"id": None, "error": {"code": INVALID_REQUEST, "message": text}})
                continue
            if message is None or message.get("method") == "exit":
                return
            if "method" in message:
                self.answer(message)

    def answer(self, message: dict[str, Any]) -> None:
        name, wanted = message["method"], "id" in message
        method, answer = self.methods.get(name), dict[str, Any]()
        if method is None:
            answer["error"] = {"code": UNKNOWN_METHOD, "message": f"{name}: no such method"}
        else:
            try:
                answer["result"] = method(message.get("params") or {})
            except Exception as error:  # one request that fails ends nothing
                text = f"{name}: {type(error).__name__}: {error}"
                answer["error"] = {"code": INTERNAL_ERROR, "message": text}
        if wanted:
            self.send({"id": message["id"], **answer})


__all__ = ["Connection"]
