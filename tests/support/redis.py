"""Groups of Redis servers (a cluster, a primary that Sentinel watches) and what a server holds."""

from collections.abc import Callable

import redis

from tests.support.servers import PORTS, RedisServer, SentinelServer, free_port
from tests.support.waiting import PATIENCE_SECONDS, wait_until

BUS = 10_000
"""The offset from the port of a cluster node to the port of its cluster bus."""

SLOTS = 16_384

SOON = "--repl-diskless-sync-delay", "0"
"""By default, a primary waits five seconds for a second replica."""


class Cluster:
    """Three primaries and a replica of the first; it can stand in for a single server."""

    def __init__(self) -> None:
        options = "--cluster-enabled", "yes", "--cluster-node-timeout", "2000"
        self.nodes = [RedisServer(*SOON, *options, port=_cluster_port()) for _ in range(4)]
        self.primaries, self.replica = self.nodes[:3], self.nodes[3]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"redis+cluster://{hosts}"

    @property
    def client(self) -> redis.RedisCluster:
        return redis.RedisCluster("127.0.0.1", self.nodes[0].port, socket_timeout=PATIENCE_SECONDS)

    def start(self) -> "Cluster":
        for node in self.nodes:
            node.start()
        for number, node in enumerate(self.primaries):
            slots = range(SLOTS * number // 3, SLOTS * (number + 1) // 3)
            _run(node, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            _run(node, "CLUSTER", "ADDSLOTS", *slots)
        for node in self.nodes[1:]:
            _run(self.nodes[0], "CLUSTER", "MEET", "127.0.0.1", node.port)
        _wait(lambda: all(_cluster(node)["cluster_known_nodes"] == "4" for node in self.nodes))
        first = _run(self.primaries[0], "CLUSTER", "MYID")
        _run(self.replica, "CLUSTER", "REPLICATE", first)
        self.wait_until_ready()
        return self

    def wait_until_ready(self) -> None:
        _wait(lambda: all(_cluster(node)["cluster_state"] == "ok" for node in self.nodes))
        _wait(lambda: _replication(self.replica).get("master_link_status") == "up")

    def freeze(self) -> None:
        for node in self.nodes:
            node.freeze()

    def thaw(self) -> None:
        for node in self.nodes:
            node.thaw()

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()

    def heal(self) -> None:
        """Restore an empty cluster that answers; no replica may have taken over."""
        for node in self.nodes:
            node.revive()
        self.wait_until_ready()
        with self.client as client:
            client.flushall(target_nodes=redis.RedisCluster.PRIMARIES)

    def take_over(self) -> None:
        """Promote the replica of the first primary, which is down."""
        _run(self.replica, "CLUSTER", "FAILOVER", "TAKEOVER")
        rest = self.nodes[1:]
        _wait(lambda: all(_cluster(node)["cluster_state"] == "ok" for node in rest))

    def close(self) -> None:
        for node in self.nodes:
            node.close()


class SentinelGroup:
    """A primary, a replica and the one Sentinel that watches them."""

    NAME = "accounts"

    def __init__(self) -> None:
        self.primary = RedisServer(*SOON).start()
        self.replica = RedisServer("--replicaof", "127.0.0.1", str(self.primary.port)).start()
        _wait(lambda: _replication(self.replica).get("master_link_status") == "up")
        self.sentinel = SentinelServer(
            f"sentinel monitor {self.NAME} 127.0.0.1 {self.primary.port} 1",
            f"sentinel down-after-milliseconds {self.NAME} 500",
            f"sentinel failover-timeout {self.NAME} 5000",
        ).start()
        _wait(lambda: len(_run(self.sentinel, "SENTINEL", "REPLICAS", self.NAME)) == 1)

    @property
    def url(self) -> str:
        return f"redis+sentinel://127.0.0.1:{self.sentinel.port}/{self.NAME}"

    @property
    def client(self) -> redis.Redis:
        return redis.Redis(port=self.elected_port(), socket_timeout=PATIENCE_SECONDS)

    def elected_port(self) -> int:
        return int(_run(self.sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.NAME)[1])

    def wait_for_failover(self) -> None:
        """Wait until the other server is the primary."""
        _wait(lambda: self.elected_port() == self.replica.port)
        _wait(lambda: _replication(self.replica)["role"] == "master")

    def heal(self) -> None:
        with self.client as client:
            client.flushall()

    def close(self) -> None:
        for server in (self.sentinel, self.replica, self.primary):
            server.close()


def dump(server: RedisServer) -> dict[str, bytes]:
    """Return every key and value that the server holds, except the change log."""
    with server.client as client:
        return {name.decode(): client.get(name) for name in client.scan_iter(_type="string")}


def _run(server: RedisServer, *command: object) -> object:
    with server.client as client:
        return client.execute_command(*command)


def _cluster(server: RedisServer) -> dict[str, str]:
    with server.client as client:
        return client.cluster("INFO")


def _replication(server: RedisServer) -> dict[str, str]:
    with server.client as client:
        return client.info("replication")


def _wait(is_so: Callable[[], bool]) -> None:
    wait_until(is_so, "the servers do not come together")


def _cluster_port() -> int:
    """Return a free port that leaves room for its bus."""
    return next(port for port in iter(free_port, None) if port + BUS in PORTS)
