"""Runs a command in a pseudo-terminal: in_terminal.py COLUMNS ROWS COMMAND...

What the command writes comes out on stdout. A line "resize COLUMNS ROWS" on stdin changes the size and, as a
terminal does, has the kernel send SIGWINCH; any other line is typed. Exits as the command does.
"""

import fcntl
import os
import pty
import select
import struct
import sys
import termios


def resize(terminal, columns, rows):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def main():
    columns, rows, *command = sys.argv[1:]
    # The size is set before the command starts: it must not see 0 by 0 first.
    controller, terminal = pty.openpty()
    resize(controller, int(columns), int(rows))
    pid = os.fork()
    if pid == 0:
        os.close(controller)
        os.login_tty(terminal) if hasattr(os, "login_tty") else adopt(terminal)
        os.execvp(command[0], command)
    os.close(terminal)
    inputs = [controller, 0]
    while True:
        ready, _, _ = select.select(inputs, [], [])
        if controller in ready:
            try:
                output = os.read(controller, 65536)
            except OSError:
                output = b""
            if not output:
                break
            os.write(1, output)
        if 0 in ready:
            typed = os.read(0, 65536)
            if not typed:
                inputs.remove(0)
            for line in typed.decode().splitlines():
                words = line.split()
                if len(words) == 3 and words[0] == "resize":
                    resize(controller, int(words[1]), int(words[2]))
                else:
                    os.write(controller, f"{line}\n".encode())
    _, status = os.waitpid(pid, 0)
    sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)


def adopt(terminal):
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for stream in (0, 1, 2):
        os.dup2(terminal, stream)
    if terminal > 2:
        os.close(terminal)


main()
