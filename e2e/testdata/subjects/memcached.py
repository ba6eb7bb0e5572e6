"""Sets and gets as many values of the memcached of this machine as told."""
import socket
import sys

with socket.create_connection(("127.0.0.1", 11211)) as server:
    answers = server.makefile("rb")
    for i in range(int(sys.argv[1])):
        value = b"%d" % i
        server.sendall(b"set key%d 0 0 %d\r\n%s\r\n" % (i, len(value), value))
        assert answers.readline() == b"STORED\r\n"
        server.sendall(b"get key%d\r\n" % i)
        answers.readline()
        assert answers.readline() == value + b"\r\n"
        answers.readline()
