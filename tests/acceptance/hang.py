"""A server that takes a request and never answers it."""

import socket
import sys
import time

with socket.create_server(("127.0.0.1", 0)) as listener:
    sys.stdout.write(f"http://127.0.0.1:{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    connection, _ = listener.accept()
    connection.recv(1)
    sys.stdout.write("asked\n")
    sys.stdout.flush()
    time.sleep(60)
