# SPDX-License-Identifier: Apache-2.0
"""
A Kubernetes of one node, in the namespaces that `run` has made: etcd, API server, controllers, scheduler,
containerd, kubelet and kube-proxy, all of them real. Everything that is written lies in one folder.
"""
import base64
import glob
import json
import os
import secrets
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))
from harness import wait_until  # pylint: disable=wrong-import-position

import images  # pylint: disable=wrong-import-position

BUILT = os.path.join(ROOT, "build", "kubernetes")
DEBIAN = os.path.join(BUILT, "root")
NODE, NODE_ADDRESS = "node1", "192.168.77.1"
API = f"https://{NODE_ADDRESS}:6443"

CONTROLLERS = (
    "serviceaccount-controller,serviceaccount-token-controller,root-ca-certificate-publisher-controller,"
    "deployment-controller,replicaset-controller,daemonset-controller,statefulset-controller,"
    "job-controller,cronjob-controller,garbage-collector-controller,namespace-controller,"
    "endpointslice-controller,node-lifecycle-controller,pod-garbage-collector-controller")

CONTAINERD = """
version = 2
root = "{folder}/containerd"
state = "/run/containerd"
oom_score = 0
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{debian}/usr/lib/cni"
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"""

NETWORK = {"cniVersion": "0.4.0", "name": "pods", "plugins": [
    {"type": "ptp", "ipMasq": False, "ipam": {
        "type": "host-local", "subnet": "10.88.77.0/24", "routes": [{"dst": "0.0.0.0/0"}]}}]}

KUBELET = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
    "failCgroupV1": False, "failSwapOn": False, "cgroupDriver": "cgroupfs",
    "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
    "address": NODE_ADDRESS, "readOnlyPort": 0,
    "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
    "authorization": {"mode": "AlwaysAllow"}, "makeIPTablesUtilChains": False,
    "localStorageCapacityIsolation": False, "oomScoreAdj": 0, "maxOpenFiles": 20000,
    "nodeStatusUpdateFrequency": "5s", "syncFrequency": "5s", "imageGCHighThresholdPercent": 100,
    "evictionHard": {"memory.available": "1Mi", "nodefs.available": "0%", "imagefs.available": "0%"}}

PROXY = {
    "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
    "mode": "nftables", "hostnameOverride": NODE, "clusterCIDR": "10.88.77.0/24",
    "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}}


def run(*command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **more)
    assert not done.returncode, f"{' '.join(map(str, command))}: {done.stdout}"
    return done.stdout


class Cluster:
    """Up when the constructor returns; its processes end with the pid namespace."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = {}
        self.environment = {**os.environ, "KUBECONFIG": self.path("kubeconfig"), "PATH": ":".join(
            [f"{BUILT}/bin", f"{DEBIAN}/usr/bin", f"{DEBIAN}/usr/sbin", "/usr/sbin", "/usr/bin", "/sbin",
             "/bin"])}
        os.makedirs(self.path("logs"))
        self.network_begin()
        self.control_plane_begin()
        self.node_begin()

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, content):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(content if isinstance(content, str) else json.dumps(content))
        return self.path(name)

    def start(self, name, *command):
        with open(self.path("logs", name), "wb") as log:
            self.processes[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment)

    def log(self, name):
        with open(self.path("logs", name), encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait(self, condition, what, seconds=60):
        """`condition` may fail while something is not there yet."""
        def holds():
            for name, process in self.processes.items():
                assert process.poll() is None, f"{name} ended:\n{self.log(name)[-3000:]}"
            try:
                return condition()
            except (AssertionError, LookupError, ValueError, OSError):
                return False
        return wait_until(holds, what, seconds)

    # --- the machine ---

    def network_begin(self):
        """What the node writes it alone sees: the machine's own folders stay untouched."""
        run("mount", "--make-rshared", "/")
        run("mount", "-t", "tmpfs", "tmpfs", "/run")
        for path in ("/var/lib", "/var/log", "/opt", "/etc"):
            layers = {name: f"/run/node{path}/{name}" for name in ("upperdir", "workdir")}
            for folder in layers.values():
                os.makedirs(folder)
            options = ",".join(f"{name}={folder}" for name, folder in layers.items())
            run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={path},{options}", path)
        os.makedirs("/run/containerd", exist_ok=True)
        run("hostname", NODE)
        for command in ("link set lo up", "link add node0 type veth peer outside", "link set outside up",
                        f"address add {NODE_ADDRESS}/24 dev node0", "link set node0 up",
                        "route add default via 192.168.77.254 dev node0"):
            run("ip", *command.split())
        run("sysctl", "-qw", "net.ipv4.ip_forward=1")

    def certificates_make(self):
        key = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        run(*key, "-x509", "-days", "30", "-subj", "/CN=test-ca", "-keyout", self.path("ca.key"), "-out",
            self.path("ca.crt"), "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        run(*key, "-subj", "/CN=kube-apiserver", "-keyout", self.path("api.key"), "-out",
            self.path("api.csr"))
        self.write("api.ext", f"subjectAltName=IP:{NODE_ADDRESS},IP:10.96.0.1,IP:127.0.0.1\n")
        run("openssl", "x509", "-req", "-in", self.path("api.csr"), "-CA", self.path("ca.crt"), "-CAkey",
            self.path("ca.key"), "-CAcreateserial", "-days", "30", "-extfile", self.path("api.ext"),
            "-out", self.path("api.crt"))
        run("openssl", "genrsa", "-out", self.path("accounts.key"), "2048")

    def kubeconfig(self, token):
        with open(self.path("ca.crt"), "rb") as file:
            authority = base64.b64encode(file.read()).decode()
        return {"apiVersion": "v1", "kind": "Config", "current-context": "c",
                "clusters": [{"name": "c", "cluster": {
                    "server": API, "certificate-authority-data": authority}}],
                "users": [{"name": "c", "user": {"token": token}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}]}

    def control_plane_begin(self):
        self.certificates_make()
        admin = secrets.token_hex(16)
        self.write("tokens.csv", f'{admin},admin,1,"system:masters"\n')
        self.write("kubeconfig", self.kubeconfig(admin))
        os.chmod(self.path("kubeconfig"), 0o600)
        etcd = "http://127.0.0.1:2379"
        self.start("etcd", f"{DEBIAN}/usr/bin/etcd", "--data-dir", self.path("etcd"),
                   "--unsafe-no-fsync", "--listen-client-urls", etcd, "--advertise-client-urls", etcd)
        self.start(
            "kube-apiserver", f"{BUILT}/bin/kube-apiserver", f"--etcd-servers={etcd}",
            f"--bind-address={NODE_ADDRESS}", f"--advertise-address={NODE_ADDRESS}",
            f"--tls-cert-file={self.path('api.crt')}", f"--tls-private-key-file={self.path('api.key')}",
            f"--token-auth-file={self.path('tokens.csv')}", "--allow-privileged=true",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.path('accounts.key')}",
            f"--service-account-signing-key-file={self.path('accounts.key')}",
            "--service-cluster-ip-range=10.96.0.0/24", "--kubelet-preferred-address-types=InternalIP", "--authorization-mode=Node,RBAC")
        self.wait(lambda: self.kubectl("get", "--raw", "/readyz") == "ok", "the API server", 120)
        self.start(
            "kube-controller-manager", f"{BUILT}/bin/kube-controller-manager", "--leader-elect=false",
            f"--kubeconfig={self.path('kubeconfig')}", "--bind-address=127.0.0.1",
            f"--cert-dir={self.path('controllers')}", f"--root-ca-file={self.path('ca.crt')}",
            f"--service-account-private-key-file={self.path('accounts.key')}",
            f"--controllers={CONTROLLERS}")
        self.start("kube-scheduler", f"{BUILT}/bin/kube-scheduler", "--leader-elect=false",
                   f"--kubeconfig={self.path('kubeconfig')}", "--bind-address=127.0.0.1")

    def node_begin(self):
        for name in "cni", "static", "kubelet", "plugins":
            os.makedirs(self.path(name))
        self.write("cni/10-pods.conflist", NETWORK)
        self.write("containerd.toml", CONTAINERD.format(folder=self.folder, debian=DEBIAN,
                                                        pause=images.PAUSE))
        self.start("containerd", f"{DEBIAN}/usr/bin/containerd", "-c", self.path("containerd.toml"))
        self.wait(lambda: self.ctr("version"), "containerd")
        self.ctr("images", "import", images.pause_image(self.path("pause.tar"), self.folder))
        self.ctr("images", "import", images.work_image(self.path("work.tar"), DEBIAN))
        self.ctr("images", "import", f"{ROOT}/build/image/sonde.tar")
        self.write("kubelet.json", {**KUBELET, "staticPodPath": self.path("static"),
                                    "podLogsDir": self.path("pods"),
                                    "volumePluginDir": self.path("plugins")})
        self.start(
            "kubelet", f"{BUILT}/bin/kubelet", f"--config={self.path('kubelet.json')}",
            f"--kubeconfig={self.path('kubeconfig')}", f"--root-dir={self.path('kubelet')}",
            f"--cert-dir={self.path('kubelet')}", f"--hostname-override={NODE}",
            f"--node-ip={NODE_ADDRESS}")
        self.write("proxy.json", {**PROXY,
                                  "clientConnection": {"kubeconfig": self.path("kubeconfig")}})
        self.start("kube-proxy", f"{BUILT}/bin/kube-proxy", f"--config={self.path('proxy.json')}")
        self.wait(lambda: " Ready " in self.kubectl("get", "node", NODE), "the node", 120)
        self.wait(lambda: self.kubectl("get", "serviceaccount", "default"), "the controllers")

    # --- what is asked of it ---

    def ctr(self, *arguments):
        return run(f"{DEBIAN}/usr/bin/ctr", "-a", "/run/containerd/containerd.sock", "-n", "k8s.io",
                   *arguments)

    def kubectl(self, *arguments, **more):
        return run("kubectl", *arguments, env=self.environment, **more)

    def helm(self, *arguments):
        return run("helm", *arguments, env={**self.environment, "HOME": self.folder})

    def apply(self, *objects):
        everything = {"apiVersion": "v1", "kind": "List", "items": objects}
        return self.kubectl("apply", "-f", "-", input=json.dumps(everything))

    def get(self, *arguments):
        return json.loads(self.kubectl("get", "-o", "json", *arguments))

    def pods(self, namespace, **labels):
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        return self.get("pods", "-n", namespace, "-l", selector)["items"]

    def pod_log(self, namespace, pod, container):
        """As the node keeps it, also of what has ended."""
        lines = []
        for path in sorted(glob.glob(self.path("pods", f"{namespace}_{pod}_*", container, "*.log"))):
            with open(path, encoding="utf-8") as file:
                lines += [line.split(" ", 3)[3].rstrip("\n") for line in file]
        return lines
