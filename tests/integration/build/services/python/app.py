"""Greets whoever asks."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Greeter(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello from python")


ThreadingHTTPServer(("127.0.0.1", 8000), Greeter).serve_forever()
