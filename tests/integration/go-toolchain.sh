#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Prints the path of a Go that can build the OpenTelemetry Collector: one that is installed and new
# enough, or else one that an older Go (Debian 12 has 1.19) fetches and verifies as a module, as newer
# ones do by themselves. That copy takes 240 MB, is kept in build/go-toolchain, and comes once.

set -euo pipefail

needed=1.25.0 # what the Collector's go.mod asks for
fetched=1.26.0

cd "$(dirname "$0")/../.."
cache=$PWD/build/go-toolchain

# $1 is at least $2, as versions
at_least() {
	[ "$(printf '%s\n' "$1" "$2" | sort -V | head -1)" = "$2" ]
}

any=
for go in "$(command -v go || true)" /usr/local/go/bin/go /usr/lib/go*/bin/go \
	"$cache"/golang.org/toolchain@*/bin/go; do
	[ -x "$go" ] || continue
	# `local`: what this one is, not what it could switch to.
	version=$(GOTOOLCHAIN=local "$go" env GOVERSION) || continue
	if at_least "${version#go}" $needed; then
		echo "$go"
		exit
	fi
	any=$go
done

if [ -z "$any" ]; then
	echo "go-toolchain: there is no Go on this machine: apt-get install golang-go" >&2
	exit 1
fi

module=golang.org/toolchain@v0.0.1-go$fetched.$("$any" env GOOS)-$("$any" env GOARCH)
echo "go-toolchain: $any is too old, fetching Go $fetched" >&2
mkdir -p "$cache"
# Away from any go.mod; and with a cache that `make clean` can remove.
(
	cd "$cache"
	GOTOOLCHAIN=local GOMODCACHE=$cache GOFLAGS=-modcacherw "$any" mod download "$module"
) >&2

# Modules carry no execute bits. `go` gets its own last, which marks the copy as complete. The archive
# that it came in is not needed again.
rm -rf "$cache/cache"
dir=$cache/$module
chmod +x "$dir"/pkg/tool/*/* "$dir"/bin/gofmt
chmod +x "$dir"/bin/go
echo "$dir/bin/go"
