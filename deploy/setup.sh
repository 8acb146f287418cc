#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs the Debian packages that Sonde's build and tests need, and that are not there yet.
#
#   deploy/setup.sh build         what the daemon is built from
#   deploy/setup.sh build test    and what its tests and benchmarks run
#   deploy/setup.sh arm64         what builds for arm64 elsewhere, and runs its unit tests
#   deploy/setup.sh kernels       what runs other kernels
#   deploy/setup.sh deb           what makes a Debian package, and looks for faults in it
#   deploy/setup.sh kubernetes    what builds and runs a Kubernetes of one node, beside the tests' own
#
# Called by the Makefile ahead of `make run`, `make test` and `make bench`. With nothing to do it
# costs one dpkg-query, so a second `make run` does not wait for it. Debian 12 and 13 name all of
# these alike.

set -euo pipefail
cd "$(dirname "$0")/.."

build=(
	gcc libc6-dev make clang bpftool pkg-config
	libbpf-dev libelf-dev zlib1g-dev libprotobuf-c-dev protobuf-c-compiler
	libmicrohttpd-dev libcurl4-openssl-dev libyaml-dev libseccomp-dev
	libjansson-dev uthash-dev
	ca-certificates # libcurl checks an https collector against them
)
test=(
	libcmocka-dev clang-format libclang-rt-dev # what the fuzzers are linked with
	python3 python3-pytest python3-protobuf protobuf-compiler
	nginx apache2-bin lighttpd haproxy gunicorn uvicorn redis-server prometheus
	unbound dnsmasq-base bind9-dnsutils busybox-static
	wrk apache2-utils curl python3-requests # with those above, peers of the integration tests
	liburing-dev                            # what one of their programs is built with
	libbpf-tools                            # syscount, tcplife: what is compared with
	ruby php-cli uwsgi-core uwsgi-plugin-python3 python3-flask # whose programs Sonde names
	git strace iproute2 nftables netcat-openbsd procps tmux
	prometheus-alertmanager logrotate man-db python3-yaml # with these, tests of what deploy/ brings
)
arm64=(gcc-aarch64-linux-gnu qemu-user debian-archive-keyring python3)
[ "$(uname -m)" != aarch64 ] || arm64=() # which builds and runs its own
deb=(debhelper dpkg-dev fakeroot lintian)
kubernetes=(python3-yaml openssl util-linux) # and Go, which tests have
kernels=(qemu-system-x86 qemu-system-arm busybox-static debian-archive-keyring python3)
# These come by many other ways, so what counts is the command.
command -v node >/dev/null || test+=(nodejs)
command -v javac >/dev/null || test+=(default-jdk-headless)
command -v rustc >/dev/null || test+=(rustc)
command -v go >/dev/null || [ -x /usr/local/go/bin/go ] || test+=(golang-go)

# Of the packages above, those that bring a service with them.
services=(nginx redis-server prometheus prometheus-alertmanager lighttpd haproxy unbound logrotate)

wanted=()
for set in "$@"; do
	case $set in
	build) wanted+=("${build[@]}") ;;
	test) wanted+=("${test[@]}") ;;
	arm64) wanted+=("${arm64[@]}") ;;
	kernels) wanted+=("${kernels[@]}") ;;
	deb) wanted+=("${deb[@]}") ;;
	kubernetes) wanted+=("${kubernetes[@]}") ;;
	*) echo "usage: $0 build|test|arm64|kernels|deb|kubernetes ..." >&2; exit 2 ;;
	esac
done

if ! command -v dpkg-query >/dev/null; then
	echo "setup: this is no Debian; where the build fails, install what corresponds to:" >&2
	echo "  ${wanted[*]}" >&2
	exit 0
fi

installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null) || true
missing=()
for package in "${wanted[@]}"; do
	[[ $'\n'$installed$'\n' == *$'\n'"installed $package"$'\n'* ]] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
	echo "setup: packages are missing. Run this with sudo, or install them first:" >&2
	echo "  sudo apt-get install --no-install-recommends ${missing[*]}" >&2
	exit 1
fi

# apt-get in which no package may start, stop or restart a service: the tests run nginx, Redis and
# Prometheus on ports of their own, and a machine under observation must not get new listeners. The
# rule is a file of Debian's policy layer, mounted where this apt-get alone can see it, so that nothing
# has to be put back, whatever happens meanwhile. Where mounting is forbidden (in a container), the
# image has such a file, and no service manager either.
apt_without_services() {
	local policy=/usr/sbin/policy-rc.d created=
	if ! unshare --mount true 2>/dev/null; then
		apt-get "$@"
		return
	fi
	# Something has to lie under the mount; the policy layer ignores what is not executable.
	[ -e $policy ] || { created=$policy; : >$policy; chmod 644 $policy; }
	printf '#!/bin/sh\nexit 101\n' >"$scratch/policy-rc.d"
	chmod 755 "$scratch/policy-rc.d"
	local status=0
	unshare --mount sh -ec 'mount --bind "$1" "$2"; shift 2; exec apt-get "$@"' \
		sh "$PWD/$scratch/policy-rc.d" $policy "$@" || status=$?
	[ -z "$created" ] || rm -f "$created"
	return $status
}

mkdir -p build && scratch=$(mktemp -d -p build) # not below /tmp, which may be mounted noexec
trap 'rm -rf "$scratch"' EXIT
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1

fresh_services=()
for service in "${services[@]}"; do
	if [[ " ${missing[*]} " == *" $service "* && ! -e /etc/init.d/$service &&
		! -e /lib/systemd/system/$service.service ]]; then
		fresh_services+=("$service")
	fi
done

echo "setup: installing ${missing[*]}"
# A fresh machine is often busy with its own upgrades, hence the patience with the lock.
apt=(-y -o DPkg::Lock::Timeout=300)
apt-get "${apt[@]}" update ||
	echo "setup: could not refresh every package list, trying with those at hand" >&2
apt_without_services "${apt[@]}" install --no-install-recommends "${missing[@]}"

# Nor shall they start with the next boot. What was installed before is left as it was.
for service in "${fresh_services[@]}"; do
	if command -v systemctl >/dev/null; then
		systemctl --quiet disable "$service" || true
		systemctl --quiet disable "$service.timer" 2>/dev/null || true
	else
		update-rc.d "$service" disable || true
	fi
done
