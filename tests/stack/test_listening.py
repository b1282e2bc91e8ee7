"""This file is where it is seen that nothing of the stack can be reached from another machine."""

from pathlib import Path

from tests.running import Stack
from tests.stack.processes import descendants

LISTENING = "0A"
# 127.0.0.1 as /proc/net/tcp writes it on a little-endian machine.
THIS_MACHINE = "0100007F"


def sockets_of(pid: int) -> set[str]:
    """The inodes of the sockets that `pid` has open."""
    names = []
    try:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            names.append(str(entry.readlink()))
    except (FileNotFoundError, ProcessLookupError):
        pass  # it has ended meanwhile, as PostgreSQL's children do
    return {name[len("socket:[") : -1] for name in names if name.startswith("socket:[")}


def listening(kind: str) -> dict[str, tuple[str, int]]:
    """Address and port by inode of every listening socket of this machine."""
    table = Path(f"/proc/net/{kind}")
    if not table.exists():
        return {}  # a machine without IPv6
    lines = [line.split() for line in table.read_text().splitlines()[1:]]
    places = {line[9]: line[1].split(":") for line in lines if line[3] == LISTENING}
    return {inode: (address, int(port, 16)) for inode, (address, port) in places.items()}


def test_every_part_listens_on_this_machine_only(stack: Stack) -> None:
    ours = set().union(*map(sockets_of, descendants(stack.process.pid)))
    found = [place for inode, place in listening("tcp").items() if inode in ours]
    further = [place for inode, place in listening("tcp6").items() if inode in ours]

    services = (stack.url, stack.dashboard_url, stack.sandbox_url, stack.receiver_url)
    addresses = (*services, stack.database_url)
    announced = {int(address.rsplit(":", 1)[1].partition("/")[0]) for address in addresses}
    assert {port for _, port in found} == announced
    assert {address for address, _ in found} == {THIS_MACHINE}
    assert further == []
