"""A place on the way to a broker where connections can be cut, as a network does it: without a word of MQTT."""

import socket
import threading


class Gate:
    """Forwards what is sent to it to `target`, a (host, port). Has an address() as a broker has."""

    def __init__(self, target):
        self.target = target
        self.is_open = True
        self.changed = threading.Condition()
        self.sockets = []  # of the connections, both ends
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    def address(self):
        return self.listener.getsockname()

    def cut(self):
        """Ends all connections. Whoever connects then waits until open()."""
        with self.changed:
            self.is_open = False
            for each in self.sockets:
                self._end(each)
            self.sockets.clear()

    def open(self):
        with self.changed:
            self.is_open = True
            self.changed.notify_all()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # which wakes accept()
        self.cut()
        self.open()

    @staticmethod
    def _end(end):
        try:
            end.shutdown(socket.SHUT_RDWR)  # which wakes recv(); the threads close what they have
        except OSError:
            pass  # the other end was faster

    def _accept(self):
        with self.listener:
            while True:
                try:
                    client, _ = self.listener.accept()
                except OSError:
                    return
                with self.changed:
                    self.changed.wait_for(lambda: self.is_open)
                    broker = socket.create_connection(self.target)
                    self.sockets += [client, broker]
                threading.Thread(target=self._forward, args=(client, broker), daemon=True).start()
                threading.Thread(target=self._forward, args=(broker, client), daemon=True).start()

    def _forward(self, source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        self._end(source)
        self._end(sink)
