#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The web server that clients under test talk to.

usage: webhost.py ADDRESS PORT FOLDER

GET serves FOLDER (keep-alive, ranges of one kind); PUT and POST answer with
length and SHA-256 of what came; /redirect leads to /small.txt; /stall/N waits
N seconds between head and body; /reset ends the connection by a reset; below
/git/ git's own http-backend serves the repositories in FOLDER.
"""
import functools
import hashlib
import http.server
import os
import socket
import struct
import subprocess
import sys
import time


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, code, body, headers=()):
        self.send_response(code)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/redirect":
            return self.answer(302, b"", [("Location", "/small.txt")])
        if self.path.startswith("/stall/"):
            return self.stall(float(self.path.rsplit("/", 1)[1]))
        if self.path == "/reset":
            return self.reset()
        if self.path.startswith("/git/"):
            return self.git()
        return super().do_GET()

    def git(self):
        path, _, query = self.path[len("/git"):].partition("?")
        env = dict(
            os.environ, GIT_PROJECT_ROOT=self.directory,
            GIT_HTTP_EXPORT_ALL="1", REQUEST_METHOD=self.command,
            PATH_INFO=path, QUERY_STRING=query,
            CONTENT_TYPE=self.headers.get("Content-Type", ""),
            HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""),
            GIT_PROTOCOL=self.headers.get("Git-Protocol", ""))
        body = b"".join(self.body())
        env["CONTENT_LENGTH"] = str(len(body))
        done = subprocess.run(["git", "http-backend"], env=env, input=body,
                              stdout=subprocess.PIPE, check=False)
        head, _, answer = done.stdout.partition(b"\r\n\r\n")
        lines = [line.split(": ", 1) for line in head.decode().splitlines()]
        status = [v for k, v in lines if k == "Status"] or ["200"]
        self.answer(int(status[0].split()[0]), answer,
                    [(k, v) for k, v in lines if k != "Status"])

    def stall(self, seconds):
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.flush()
        time.sleep(seconds)
        self.wfile.write(b"late\n")

    def reset(self):
        self.connection.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                yield self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    return
        left = int(self.headers.get("Content-Length", 0))
        while left > 0:
            data = self.rfile.read(min(left, 1 << 20))
            if not data:
                return
            left -= len(data)
            yield data

    def do_POST(self):
        if self.path.startswith("/git/"):
            return self.git()
        return self.do_PUT()

    def do_PUT(self):
        digest, count = hashlib.sha256(), 0
        for data in self.body():
            digest.update(data)
            count += len(data)
        self.answer(200, f"{count} {digest.hexdigest()}\n".encode())


def main():
    address, port, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    handler = functools.partial(Handler, directory=folder)
    server = http.server.ThreadingHTTPServer((address, port), handler)
    server.request_queue_size = 512
    server.socket.listen(512)
    server.serve_forever()


if __name__ == "__main__":
    main()
