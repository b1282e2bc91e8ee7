"""This file is where a child gives up rights and learns to end with its parent.

Run as a script (`python -I -S launch.py ...`), before it becomes the program: preexec_fn would
run in the parent's image and may deadlock as soon as the parent has threads.
"""

import argparse
import ctypes
import os
import signal
import sys
import time
from pathlib import Path

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
LOOK_SECONDS = 0.5
NOBODY = 65534  # initdb wants an account with a name, and every system has this one


def enter_user_namespace() -> None:
    """Makes root look like `nobody`: PostgreSQL starts, files keep their owner, no new account.

    Raises OSError where the kernel or a container's seccomp profile refuses it.
    """
    uid, gid = os.geteuid(), os.getegid()
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are refused here")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {gid} 1")


def become(uid: int, gid: int) -> None:
    """Gives up root for good."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def end_with_parent(name: str, parent: int) -> None:
    """Gets signal `name` when `parent` is gone: from the kernel, or where it takes no such wish
    (macOS) from a process left behind to look.

    Comes after every change of user, because the kernel forgets the wish on such a change.
    """
    number = signal.Signals[name].value
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
    elif os.fork() == 0:
        look_after(os.getppid(), parent, number)
    if os.getppid() != parent:
        sys.exit(1)


def look_after(child: int, parent: int, number: int) -> None:
    """Sends `child`, which started this process, the signal when `parent` is gone, then ends."""
    while os.getppid() == child:
        try:
            os.kill(parent, 0)
        except ProcessLookupError:
            os.kill(child, number)
            break
        time.sleep(LOOK_SECONDS)
    os._exit(0)


def main() -> None:
    """Does what the options say, then replaces itself with the command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--signal", default="SIGKILL")
    parser.add_argument("--user-namespace", action="store_true")
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    if options.user_namespace:
        enter_user_namespace()
    if options.uid is not None:
        become(options.uid, options.gid)
    end_with_parent(options.signal, options.parent)
    os.execv(options.command[0], options.command)  # noqa: S606


if __name__ == "__main__":
    main()
