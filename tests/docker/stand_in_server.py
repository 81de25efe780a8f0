#!/usr/bin/python3
"""Stands in for a compiled moshi-server: same command line, same config, same answer to a POST; a tone for a voice.

The folder of its config may hold a file `mood`: `dead` never answers (the model loop died, HTTP lives), `silent`
answers without sound.
"""

import argparse
import math
import struct
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import tomllib


def arguments():
    parser = argparse.ArgumentParser(prog="moshi-server")
    worker = parser.add_subparsers(dest="command", required=True).add_parser("worker")
    worker.add_argument("--config", type=Path, required=True)
    worker.add_argument("--addr", default="0.0.0.0")
    worker.add_argument("--port", type=int, default=8080)
    worker.add_argument("--log", default="info")
    return parser.parse_args()


def wav(loudness):
    samples = [int(loudness * math.sin(moment * 440 * 2 * math.pi / 24000)) for moment in range(24000)]
    return b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(20) + b"data\xff\xff\xff\xff" + struct.pack("<24000h", *samples)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        config = self.server.config
        self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.headers.get("kyutai-api-key") not in config["authorized_ids"]:
            return self.answer(401, b"")
        if self.path != config["modules"]["tts_py"]["path"]:
            return self.answer(404, b"")
        mood = self.server.mood.read_text().strip() if self.server.mood.exists() else ""
        if mood == "dead":
            time.sleep(60)
        self.answer(200, wav(3 if mood == "silent" else 9000))

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-type", "audio/wav")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    chosen = arguments()
    config = tomllib.loads(chosen.config.read_text())
    Path(config["log_dir"], "log.tts").touch()
    server = ThreadingHTTPServer((chosen.addr, chosen.port), Handler)
    server.config, server.mood = config, chosen.config.parent / "mood"
    sys.stderr.write(f"listening on http://{chosen.addr}:{chosen.port}\n")
    server.serve_forever()


if __name__ == "__main__":
    main()
