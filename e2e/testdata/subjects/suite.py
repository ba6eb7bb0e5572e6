"""A suite of tests as many projects have it: files, processes, threads, sockets."""
import os
import pathlib
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest


class Suite(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.dir)

    def test_files(self):
        for i in range(200):
            (self.dir / f"file{i}").write_text("text")
            os.replace(self.dir / f"file{i}", self.dir / f"renamed{i}")
        self.assertEqual(200, len(list(self.dir.iterdir())))

    def test_script(self):
        script = self.dir / "script.sh"
        script.write_text("#!/bin/sh\necho $1\n")
        script.chmod(0o755)
        self.assertEqual(b"done\n", subprocess.check_output([script, "done"]))

    def test_processes(self):
        for i in range(20):
            out = subprocess.check_output([sys.executable, "-c", f"print({i})"])
            self.assertEqual(i, int(out))

    def test_threads_and_sockets(self):
        server = socket.create_server(("127.0.0.1", 0))
        def serve():
            client, _ = server.accept()
            client.sendall(client.recv(100))
            client.close()
        threads = [threading.Thread(target=serve) for _ in range(8)]
        for t in threads:
            t.start()
        for _ in threads:
            with socket.create_connection(server.getsockname()) as c:
                c.sendall(b"echo")
                self.assertEqual(b"echo", c.recv(100))
        for t in threads:
            t.join()
        server.close()

    def test_database(self):
        with sqlite3.connect(self.dir / "base") as base:
            base.execute("create table t (x)")
            base.executemany("insert into t values (?)", [(i,) for i in range(1000)])
            self.assertEqual(1000, base.execute("select count(*) from t").fetchone()[0])
