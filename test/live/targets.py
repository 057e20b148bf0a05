"""targets.py - real programs: how to start each in a scratch folder on a loopback port, load it and stop it.

A target has `process` (the name its processes carry), `begin(folder)`, `load(seconds)` which starts
the load and returns at once, and `end()`. Raises Skip when its packages are not installed.
"""
import os
import shutil
import signal
import socket
import sys
import time

from harness import *

HERE = os.path.dirname(os.path.abspath(__file__))


def need(*programs):
    for p in programs:
        if not (os.path.exists(p) if "/" in p else shutil.which(p)):
            raise Skip(p + " is not installed")


def listening(port):
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
        return True
    except OSError:
        return False


def write(path, text):
    with open(path, "w") as f:
        f.write(text)
    return path


class Target:
    def __init__(self):
        self.started = []

    def start(self, args, **how):
        p = start_logged(args, **how)
        self.started.append(p)
        return p

    def serve(self, args, port, seconds=15, **how):
        p = self.start(args, **how)
        ok = wait_for(lambda: listening(port) or p.poll() is not None, seconds)
        check(ok and p.poll() is None, args[0], "did not start:", said(p)[-500:])
        return p

    def end(self):
        for p in reversed(self.started):
            stop(p)
        self.started = []


class Redis(Target):
    name, process, port, program = "redis", "redis-server", 21379, "redis-server"

    def begin(self, folder):
        need("redis-server", "redis-benchmark")
        self.serve([self.program, "--port", self.port, "--bind", "127.0.0.1", "--save", "",
                    "--dir", folder], self.port)

    def load(self, seconds):
        return self.start(["redis-benchmark", "-p", self.port, "-t", "set,get,lpush,lrange_100", "-c", "8",
                           "-n", "2000", "-l", "-q", "-P", "8"])


class Memcached(Target):
    name, process, port = "memcached", "memcached", 21211

    def begin(self, folder):
        need("memcached")
        self.serve(["memcached", "-l", "127.0.0.1", "-p", self.port, "-u", "nobody", "-t", "2"], self.port)

    def load(self, seconds):
        return self.start([sys.executable, HERE + "/load.py", "memcached", self.port, seconds])


class Nginx(Target):
    name, process, port = "nginx", "nginx", 21080

    def begin(self, folder):
        need("/usr/sbin/nginx", "ab")
        os.makedirs(folder + "/www")
        write(folder + "/www/index.html", "<p>" + "bees " * 800)
        conf = write(folder + "/nginx.conf", """
daemon off; pid %(d)s/pid; error_log %(d)s/error.log; worker_processes 1; user root;
events { worker_connections 256; }
http { access_log off; client_body_temp_path %(d)s/b; proxy_temp_path %(d)s/p; fastcgi_temp_path %(d)s/f;
  uwsgi_temp_path %(d)s/u; scgi_temp_path %(d)s/s; gzip on; gzip_types *; gzip_min_length 100;
  server { listen 127.0.0.1:%(p)d; root %(d)s/www; } }
""" % {"d": folder, "p": self.port})
        self.serve(["/usr/sbin/nginx", "-c", conf, "-p", folder], self.port)

    def load(self, seconds):
        return self.start(["ab", "-q", "-k", "-c", "4", "-t", seconds, "-n", "100000000",
                           "-H", "Accept-Encoding: gzip", "http://127.0.0.1:%d/index.html" % self.port])


class WiredTiger(Target):
    name, process = "WiredTiger", "wtload"

    def begin(self, folder):
        need("/usr/include/wiredtiger.h", "gcc")
        self.program = folder + "/wtload"
        self.data = folder + "/data"
        os.mkdir(self.data)
        d = run(["gcc", "-O2", "-g", "-o", self.program, HERE + "/wtload.c", "-lwiredtiger", "-lpthread"])
        check(d.rc == 0, d)

    def load(self, seconds):
        return self.start([self.program, self.data, seconds])


class Postgres(Target):
    name, process, port = "postgres", "postgres", 21432

    def begin(self, folder):
        versions = sorted(os.listdir("/usr/lib/postgresql")) if os.path.isdir("/usr/lib/postgresql") else []
        if not versions:
            raise Skip("postgresql is not installed")
        self.bin = "/usr/lib/postgresql/%s/bin/" % versions[-1]
        need(self.bin + "postgres", self.bin + "pgbench", "runuser")
        run(["chown", "postgres", folder])
        user = ["runuser", "-u", "postgres", "--"]
        d = run(user + [self.bin + "initdb", "-D", folder + "/data", "-A", "trust", "-N"], cwd=folder)
        check(d.rc == 0, d)
        self.serve(user + [self.bin + "postgres", "-D", folder + "/data", "-p", self.port,
                           "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off",
                           "-c", "unix_socket_directories=" + folder], self.port, cwd=folder)
        self.env = dict(os.environ, PGHOST="127.0.0.1", PGPORT=str(self.port), PGUSER="postgres")
        wait_for(lambda: run([self.bin + "psql", "-c", "select 1"], env=self.env, cwd=folder).rc == 0)
        d = run([self.bin + "pgbench", "-i", "-q", "-s", "3", "postgres"], env=self.env, cwd=folder)
        check(d.rc == 0, d)

    def load(self, seconds):
        return self.start([self.bin + "pgbench", "-c", "3", "-j", "1", "-T", seconds, "postgres"],
                          env=self.env)

    def end(self):
        for p in reversed(self.started):
            stop(p, signal.SIGINT)
        self.started = []


class MariaDB(Target):
    name, process, port = "mariadbd", "mariadbd", 21306

    def begin(self, folder):
        need("/usr/sbin/mariadbd", "mariadb-install-db", "sysbench")
        for sub in ("/data", "/tmp"):
            os.mkdir(folder + sub)
        run(["chown", "-R", "mysql:mysql", folder])
        d = run(["mariadb-install-db", "--no-defaults", "--user=mysql", "--datadir=" + folder + "/data",
                 "--auth-root-authentication-method=normal", "--skip-test-db"])
        check(d.rc == 0, d)
        sock = folder + "/my.sock"
        self.serve(["/usr/sbin/mariadbd", "--no-defaults", "--user=mysql", "--datadir=" + folder + "/data",
                    "--tmpdir=" + folder + "/tmp", "--socket=" + sock, "--bind-address=127.0.0.1",
                    "--port=%d" % self.port, "--pid-file=" + folder + "/pid",
                    "--innodb-flush-log-at-trx-commit=0"], self.port)
        d = run(["mariadb", "--no-defaults", "-S", sock, "-u", "root", "-e", "create database sbtest"])
        check(d.rc == 0, d)
        self.bench = ["sysbench", "oltp_read_write", "--db-driver=mysql", "--mysql-socket=" + sock,
                      "--mysql-user=root", "--mysql-db=sbtest", "--tables=1", "--table-size=5000",
                      "--threads=3"]
        d = run(self.bench + ["prepare"])
        check(d.rc == 0, d)

    def load(self, seconds):
        return self.start(self.bench + ["--time=%d" % seconds, "run"])


class Sshd(Target):
    """Logins (key exchange, fork and exec each) and a stream through the cipher."""
    name, process, port = "sshd", "sshd", 21022

    def begin(self, folder):
        need("/usr/sbin/sshd", "ssh", "ssh-keygen")
        os.makedirs("/run/sshd", exist_ok=True)
        os.chmod(folder, 0o700)
        for key in ("host", "user"):
            check(run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder + "/" + key]).rc == 0, "keygen")
        conf = write(folder + "/conf", "Port %d\nListenAddress 127.0.0.1\nHostKey %s/host\nUsePAM no\n"
                     "StrictModes no\nPidFile none\nAuthorizedKeysFile %s/user.pub\nMaxStartups 100\n"
                     "PermitRootLogin yes\n" % (self.port, folder, folder))
        self.serve(["/usr/sbin/sshd", "-D", "-e", "-f", conf], self.port)
        self.ssh = ("ssh -q -F none -p %d -i %s/user -o BatchMode=yes -o StrictHostKeyChecking=no "
                    "-o UserKnownHostsFile=/dev/null root@127.0.0.1" % (self.port, folder))
        d = run(["sh", "-c", self.ssh + " true"])
        check(d.rc == 0, "no login:", said(self.started[0])[-500:])

    def load(self, seconds):
        self.start(["timeout", seconds, "sh", "-c", "while :; do %s true; done" % self.ssh])
        return self.start(["timeout", seconds, "sh", "-c",
                           "while :; do head -c 50000000 /dev/zero | %s 'cat > /dev/null'; done" % self.ssh])


class Program(Target):
    """A program that is its own load: arguments end with the seconds to run."""
    args = ()

    def begin(self, folder):
        self.folder = folder
        self.program = self.find()

    def load(self, seconds):
        return self.start([self.program] + [str(a) for a in self.args] + [seconds], cwd=self.folder)


class Node(Program):
    name, process = "node", "node"

    def find(self):
        need("node")
        self.args = (HERE + "/load.js",)
        return "node"


class Python(Program):
    """Under a name of its own: the test itself runs in a python3 too."""
    name, process = "python3", "pyload"

    def find(self):
        need("/usr/bin/python3")
        os.symlink(os.path.realpath("/usr/bin/python3"), self.folder + "/pyload")
        self.args = (HERE + "/load.py", "compute", 0)
        return self.folder + "/pyload"


class Workload(Program):
    def __init__(self, name, process):
        super().__init__()
        self.name, self.process = name, process

    def find(self):
        need(workload(self.process))
        return workload(self.process)


class Java(Program):
    name, process = "java", "java"

    def find(self):
        need("java", "javac")
        d = run(["javac", "-d", self.folder, HERE + "/Load.java"], 60)
        check(d.rc == 0, d)
        self.args = ("-cp", self.folder, "-Xmx128m", "Load")
        return "java"


GROUPS = (
    (Redis, Memcached, Nginx, WiredTiger),
    (Postgres, MariaDB, Sshd),
    (Node, Python, lambda: Workload("Rust", "mix"), lambda: Workload("C++", "generic"),
     lambda: Workload("static-pie", "split_static"), Java),
)
