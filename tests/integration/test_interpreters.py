# SPDX-License-Identifier: Apache-2.0
"""The command-line rule: programs of interpreters, each a real one, and what names them."""
import os
import shutil
import signal
import subprocess

import pytest

from harness import Sonde, clean_environment, expect, free_port, start, unique, wait_until

CALLS = "sonde_syscall_duration_seconds_count"
STARTS = "sonde_process_starts_total"
pytestmark = pytest.mark.usefixtures("named_by_executable")

# For each interpreter: an ending, and a program that asks for its parent so often and then reads.
PROGRAMS = {
    "python3": (".py", "import os, sys\nfor _ in range(37): os.getppid()\nsys.stdin.read()\n"),
    "perl": (".pl", "for (1..37) { my $x = getppid(); }\n<STDIN>;\n"),
    "node": (".js", "require('fs').readFileSync(0);\n"),
    "tclsh": (".tcl", "gets stdin\n"),
    "bash": (".sh", "read -r line\n"),
    "sh": (".sh", "read -r line\n"),
}


def interpreter(name):
    """Debian's one first: another on the PATH may be a script that starts it."""
    return (shutil.which(name, path="/usr/bin") or shutil.which(name) or
            pytest.skip(f"{name} is not installed"))


def write(folder, name, text):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


@pytest.mark.parametrize("name", PROGRAMS)
def test_script_names_its_process(sonde, tmp_path, name):
    ending, text = PROGRAMS[name]
    service = unique("orders")
    script = write(tmp_path, service + ending, text)
    subprocess.run([interpreter(name), script, "argument"], input=b"\n", check=True,
                   env=clean_environment())
    expect(sonde, (STARTS, {"service_name": service}, 1))
    if "getppid" in text:
        expect(sonde, (CALLS, {"service_name": service, "syscall": "getppid"}, 37))


@pytest.mark.parametrize("name", ["python3", "perl"])
def test_script_from_before_sonde_has_the_same_name(tmp_path, name):
    ending, _ = PROGRAMS[name]
    text = {"python3": "import os, sys\nsys.stdin.read()\nfor _ in range(41): os.getppid()\n",
            "perl": "<STDIN>;\nfor (1..41) { my $x = getppid(); }\n"}[name]
    service = unique("earlier")
    script = write(tmp_path / service, "main" + ending, text)
    with start(interpreter(name), "main" + ending, stdin=subprocess.PIPE,
               cwd=os.path.dirname(script)) as process, Sonde(tmp_path) as sonde:
        process.communicate(b"\n", timeout=20)
        expect(sonde, (CALLS, {"service_name": service, "syscall": "getppid"}, 41))


def test_modules_folders_and_shebangs(sonde, tmp_path):
    python = interpreter("python3")
    asks = "import os\nfor _ in range({}): os.getppid()\n"
    module, folder, shebang, here = (unique(f"s{i}").replace("-", "_") for i in range(4))
    write(tmp_path, module + ".py", asks.format(11))
    write(tmp_path / folder / "src", "app.py", asks.format(12))
    executable = write(tmp_path, shebang, f"#!/usr/bin/env python3\n{asks.format(13)}")
    os.chmod(executable, 0o755)
    write(tmp_path / here, "main.py", asks.format(14))
    for command, cwd in (((python, "-um", module), tmp_path),
                         ((python, "-W", "ignore", f"{folder}/src/app.py"), tmp_path),
                         ((executable,), "/"), ((python, "main.py"), tmp_path / here)):
        subprocess.run(command, cwd=cwd, check=True, env=clean_environment())
    expect(sonde, *((CALLS, {"service_name": name, "syscall": "getppid"}, times)
                    for name, times in ((module, 11), (folder, 12), (shebang, 13), (here, 14))))


def test_what_is_no_script_keeps_the_interpreters_name(sonde, tmp_path):
    """Secrets of a command line are in no name, and neither is what looks like data."""
    secret = unique("secret")
    shell = shutil.copy("/bin/bash", tmp_path / "bash")
    data = write(tmp_path, "1700000000.sh", "exit 0\n")
    before = sonde.metrics().sum(STARTS, service_name="bash")
    for command in ((shell, "-c", f": {secret}"), (shell, "-s"), (shell, data)):
        subprocess.run(command, input=b"", check=True, env=clean_environment())
    expect(sonde, (STARTS, {"service_name": "bash"}, before + 3))
    assert secret not in sonde.text() and "1700000000" not in sonde.text()


def test_name_in_the_environment_wins_over_the_script(sonde, tmp_path):
    service = unique("named")
    script = write(tmp_path, unique("script") + ".py", "import os\nos.getppid()\n")
    subprocess.run([interpreter("python3"), script], check=True,
                   env=clean_environment(OTEL_SERVICE_NAME=service))
    expect(sonde, (STARTS, {"service_name": service}, 1))


def test_title_that_is_written_over_the_arguments_changes_nothing(sonde, tmp_path):
    """What setproctitle does, and perl by itself; processes that are forked keep the name, too."""
    service = unique("titled")
    script = write(tmp_path, service + ".pl", '$0 = "worker: idle";\n'
                   "if (!fork()) { for (1..51) { my $x = getppid(); } exit; }\nwait;\n"
                   "for (1..52) { my $x = getppid(); }\n")
    subprocess.run([interpreter("perl"), script], check=True, env=clean_environment())
    expect(sonde, (CALLS, {"service_name": service, "syscall": "getppid"}, 103))


JAVA = """
public class Main {
    public static void main(String[] arguments) throws Exception { System.in.read(); }
}
"""


def test_java_is_named_by_its_archive_or_class(sonde, tmp_path):
    java, javac, jar = (interpreter(name) for name in ("java", "javac", "jar"))
    archive = unique("shop")
    write(tmp_path, "Main.java", JAVA)
    subprocess.run([javac, "Main.java"], cwd=tmp_path, check=True)
    subprocess.run([jar, "cfe", f"{archive}-1.4.2.jar", "Main", "Main.class"], cwd=tmp_path,
                   check=True)
    subprocess.run([java, "-Xshare:auto", "-Dx=y", "-jar", f"{archive}-1.4.2.jar"], input=b"\n",
                   cwd=tmp_path, check=True, env=clean_environment())
    expect(sonde, (STARTS, {"service_name": archive}, 1))


# --- programs of others, as they are started in production ---

WAITS = "import sys\nsys.stdin.read()\n"
FLASK = "from flask import Flask\napp = Flask(__name__)\n"


def files_of(folder, app):
    """A folder of a program for each interpreter, all of the same name."""
    write(folder, f"{app}.py", FLASK)
    write(folder, f"{app}.rb", "STDIN.read\n")
    write(folder, f"{app}.php", "<?php fgets(STDIN);\n")
    for name, text in (("bill", "#!/usr/bin/env ruby\nSTDIN.read\n"),
                       ("envs", f"#!/usr/bin/env -S {interpreter('python3')} -u\n{WAITS}")):
        os.chmod(write(folder, f"{app}-{name}", text), 0o755)
    package = os.path.join(folder, "node_modules", app)
    write(package, "package.json", f'{{"name":"{app}","bin":{{"{app}":"cli.js"}}}}')
    os.chmod(write(package, "cli.js", "#!/usr/bin/env node\nrequire('fs').readFileSync(0)\n"), 0o755)
    os.makedirs(os.path.join(folder, "node_modules", ".bin"))
    os.symlink(f"../{app}/cli.js", os.path.join(folder, "node_modules", ".bin", app))


PRODUCTION = {
    "http.server": ("python3 -m http.server PORT", "http.server"),
    "flask": ("/usr/bin/flask --app APP run -p PORT", "APP"),
    "gunicorn": ("gunicorn -b 127.0.0.1:PORT APP:app", "APP"),
    "uwsgi": ("uwsgi --plugin python3 --http-socket 127.0.0.1:PORT --module APP:app", "APP"),
    "ruby": ("ruby -W0 APP.rb", "APP"),
    "ruby-shebang": ("./APP-bill", "APP-bill"),
    "env-S": ("./APP-envs", "APP-envs"),
    "php": ("php APP.php", "APP"),
    "npx": ("npx APP", "APP"),
    "java": ("java -Xshare:auto -cp FOLDER Orders", "Orders"),
}


@pytest.mark.parametrize("case", PRODUCTION)
def test_programs_are_named_as_people_call_them(sonde, tmp_path, case):
    line, name = PRODUCTION[case]
    app = unique("orders").replace("-", "_")
    files_of(tmp_path, app)
    words = [word.replace("APP", app).replace("PORT", str(free_port()))
             .replace("FOLDER", str(tmp_path)) for word in line.split()]
    if "/" not in words[0]:
        words[0] = interpreter(words[0])
    if case == "java":
        subprocess.run([interpreter("javac"), write(tmp_path, "Orders.java", JAVA.replace(
            "Main", "Orders"))], check=True)
    service = name.replace("APP", app)
    before = sonde.metrics().sum(STARTS, service_name=service)
    with subprocess.Popen(words, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, env=clean_environment(),
                          start_new_session=True) as process:
        wait_until(lambda: sonde.metrics().sum(STARTS, service_name=service) > before, service)
        os.killpg(process.pid, signal.SIGKILL)
        process.stdin.close()


def test_interpreter_alone_has_no_version_in_its_name(sonde):
    before = sonde.metrics().sum(STARTS, service_name="python")
    subprocess.run([interpreter("python3"), "-c", "pass"], check=True, env=clean_environment())
    wait_until(lambda: sonde.metrics().sum(STARTS, service_name="python") > before, "python")
