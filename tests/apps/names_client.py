# SPDX-License-Identifier: Apache-2.0
"""What the resolver calls answer: one line a case."""
import socket

print("localhost", socket.gethostbyname("localhost"))
print("literal", socket.getaddrinfo("192.0.2.7", 5)[0][4][0])
try:
    print("none", socket.getaddrinfo("no-such-name.invalid", 80))
except socket.gaierror as error:
    print("none", type(error).__name__)
print("service", socket.getaddrinfo("127.0.0.1", "http")[0][4][1])
print("reverse", socket.getnameinfo(("127.0.0.1", 80), 0)[0].split(".")[0])
