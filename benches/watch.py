"""How much memory a process holds while it works; children run as scripts import it, too."""

import os
import threading

PAGE = os.sysconf("SC_PAGE_SIZE")


class Watch:
    """The most that the process holds beyond what it held, looked at every hundredth of a second."""

    def __enter__(self):
        self.base, self.most, self.stop = held(), 0, threading.Event()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()
        return self

    def look(self):
        """Look until the end."""
        while not self.stop.wait(0.01):
            self.most = max(self.most, held() - self.base)

    def __exit__(self, *error):
        self.stop.set()
        self.thread.join()


def held():
    """Bytes that the process holds."""
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[1]) * PAGE
