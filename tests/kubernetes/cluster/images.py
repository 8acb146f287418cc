# SPDX-License-Identifier: Apache-2.0
"""Images of what runs beside Sonde: nginx and curl of this machine, busybox, and a pause container."""
import hashlib
import io
import json
import os
import re
import subprocess
import tarfile

WORK = "localhost/test/work:1"
PAUSE = "localhost/test/pause:1"

NGINX = r"""
daemon off; user root; worker_processes 1; pid /tmp/nginx.pid; error_log stderr;
events {}
http {
    log_format truth 'truth $request_method $request_uri $status';
    access_log /dev/stdout truth;
    client_body_temp_path /tmp; proxy_temp_path /tmp; fastcgi_temp_path /tmp;
    uwsgi_temp_path /tmp; scgi_temp_path /tmp;
    server { listen PORT; location / { return 200 "hello\n"; } }
}
"""

PAUSE_C = r"""
#include <signal.h>
#include <unistd.h>
static void end(int number) { (void)number; _exit(0); }
int main(void) { signal(SIGTERM, end); for (;;) pause(); }
"""


def libraries(program):
    found = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    return set(re.findall(r"(/\S+\.so\S*) \(", found)) | set(re.findall(r"=> (/\S+) \(", found))


def archive(files):
    """A tar file of {path: bytes, or the text of a link}."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in ("proc", "sys", "dev", "tmp", "etc", "run", "root", "var", "var/run"):
            member = tarfile.TarInfo(folder)
            member.type, member.mode = tarfile.DIRTYPE, 0o755 if folder != "tmp" else 0o1777
            tar.addfile(member)
        for path, content in sorted(files.items()):
            member = tarfile.TarInfo(path)
            member.mode = 0o755
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def image(path, name, entrypoint, files):
    """A file as `docker save` writes it."""
    layer = archive(files)
    configuration = json.dumps({
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine], "os": "linux",
        "config": {"Env": ["PATH=/bin:/usr/bin:/usr/sbin"], "Entrypoint": entrypoint},
        "rootfs": {"type": "layers",
                   "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}).encode()
    manifest = json.dumps([{"Config": "config.json", "RepoTags": [name],
                            "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(path, "w") as tar:
        for member_name, content in (("manifest.json", manifest), ("config.json", configuration),
                                     ("layer.tar", layer)):
            member = tarfile.TarInfo(member_name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def read(path):
    with open(path, "rb") as file:
        return file.read()


def work_image(path, root):
    files = {"etc/passwd": b"root:x:0:0::/:/bin/sh\n", "etc/group": b"root:x:0:\n"}
    for port in 8080, 8081, 8082:
        files[f"etc/nginx-{port}.conf"] = NGINX.replace("PORT", str(port)).encode()
    for program in "/usr/sbin/nginx", "/usr/bin/curl":
        files[program.lstrip("/")] = read(program)
        for library in libraries(program):
            files[library.lstrip("/")] = read(library)
    files["bin/busybox"] = read(f"{root}/bin/busybox")
    for applet in "sh", "sleep", "seq", "cat", "true", "echo":
        files[f"bin/{applet}"] = "busybox"
    return image(path, WORK, [], files)


def pause_image(path, scratch):
    program = os.path.join(scratch, "pause")
    subprocess.run(["gcc", "-x", "c", "-static", "-Os", "-s", "-o", program, "-"],
                   input=PAUSE_C.encode(), check=True)
    return image(path, PAUSE, ["/pause"], {"pause": read(program)})
