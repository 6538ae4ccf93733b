#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs every case of tests/tcp/*.tcp.
exec ./tests/tcp_script "${srcdir:-.}"/tests/tcp/*.tcp
