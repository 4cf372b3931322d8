"""A process that works for another one and ends with it, however that ended.

It is ``python -m acs_deepcr_step.product.child PARENT MODULE ARGUMENT``; PARENT is the number of the process
that started it, MODULE what it is to run.
"""

import os
import runpy
import sys
import threading
import time

_LOOK = 1.0  # seconds


def _end_with(parent):
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(1)


if __name__ == "__main__":
    _parent, _module = int(sys.argv[1]), sys.argv[2]
    sys.argv[1:] = sys.argv[3:]
    threading.Thread(target=_end_with, args=(_parent,), daemon=True).start()
    runpy.run_module(_module, run_name="__main__", alter_sys=True)
