#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Install what Sampan needs to build, run and be tested, on Debian or Ubuntu.
#   tools/deps.sh          everything: build, run, tests, sample
#   tools/deps.sh --run    only what a built sampan needs at run time
set -euo pipefail

run=(ca-certificates conmon crun iproute2 nftables libnghttp2-14 libwslay1
     libhttp-parser2.9 libarchive13 libnl-route-3-200 libnftables1 libldns3
     libyaml-0-2 libseccomp2 libcap2 libcurl4 libsqlite3-0 zlib1g libzstd1)
build=(gcc make meson ninja-build pkg-config python3 libnghttp2-dev
     libwslay-dev libssl-dev libcmocka-dev libsqlite3-dev libhttp-parser-dev
     libarchive-dev libnl-3-dev libnl-route-3-dev libnftables-dev libldns-dev
     libyaml-dev libseccomp-dev libcap-dev libcurl4-openssl-dev zlib1g-dev
     libzstd-dev)
tests=(clang-14 libclang-rt-14-dev nginx-light redis-server busybox-static
     docker-registry skopeo curl jq socat sqlite3 bind9-dnsutils procps psmisc
     bsdutils openssl python3-kubernetes etcd-server etcd-client iperf3
     containernetworking-plugins iptables)

say() { printf 'deps: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

[ "$(id -u)" = 0 ] || die "must run as root: put sudo before the command (sudo make ...)"
command -v apt-get >/dev/null || die "knows Debian and Ubuntu only (there is no apt-get); elsewhere install what its head lists, then run make and, as root, tools/up.sh"

want=("${run[@]}")
[ "${1-}" = --run ] || want+=("${build[@]}" "${tests[@]}")

# Packages bring daemons (nginx, redis, a registry) that must not start by themselves.
policy=/usr/sbin/policy-rc.d
made_policy=
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" && made_policy=1
fi
trap '[ -z "$made_policy" ] || rm -f "$policy"' EXIT

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# Node drives a client library in the tests; any installed one will do.
[ "${1-}" = --run ] || { command -v node >/dev/null && command -v npm >/dev/null; } || want+=(nodejs npm)

missing=()
for p in "${want[@]}"; do installed "$p" || missing+=("$p"); done
if [ ${#missing[@]} -gt 0 ]; then
	say "installing ${#missing[@]} packages: ${missing[*]}"
	apt-get update -qq || say "apt-get update failed; trying with the lists at hand"
	# A library may carry another name on another release (t64, soname): the -dev
	# package pulls the right one, so names unknown here are passed over.
	known=()
	for p in "${missing[@]}"; do
		if apt-cache show "$p" >/dev/null 2>&1; then known+=("$p"); else say "no package $p on this release; passing over it"; fi
	done
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${known[@]}" >/dev/null ||
		die "apt-get could not install the packages (is there a way to the internet, or to a mirror?); to see why: apt-get install ${known[*]}"
fi

# yyjson: Debian 12 has none; Debian 13's package needs only libc 2.14.
if ! installed libyyjson-dev; then
	if apt-cache show libyyjson-dev >/dev/null 2>&1; then
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq libyyjson-dev >/dev/null
	else
		say "taking yyjson from Debian 13"
		d=$(mktemp -d)
		mkdir -p "$d/lists/partial" "$d/cache/archives/partial" "$d/parts"
		uri=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -n1 | tr -d ' ' || true)
		keyring=/usr/share/keyrings/debian-archive-keyring.gpg
		echo "deb [signed-by=$keyring] ${uri:-http://deb.debian.org/debian} trixie main" >"$d/sources.list"
		opt=(-qq -o Dir::Etc::sourcelist="$d/sources.list" -o Dir::Etc::sourceparts="$d/parts"
		     -o Dir::State::lists="$d/lists" -o Dir::Cache="$d/cache" -o APT::Sandbox::User=root)
		apt-get "${opt[@]}" update || die "cannot read Debian 13's package lists; install libyyjson-dev 0.10 or newer by hand"
		(cd "$d" && apt-get "${opt[@]}" download libyyjson0 libyyjson-dev) || die "cannot download libyyjson from Debian 13"
		dpkg -i "$d"/libyyjson*.deb >/dev/null || die "dpkg could not install libyyjson"
		rm -rf "$d"
	fi
fi
# Debian's own kubectl, beside whatever kubectl the machine has; the tests use every one.
if [ "${1-}" != --run ] && [ ! -x /usr/local/lib/sampan/kubectl.debian ]; then
	d=$(mktemp -d)
	if (cd "$d" && apt-get download -qq -o APT::Sandbox::User=root kubernetes-client) >/dev/null 2>&1 &&
	   dpkg -x "$d"/kubernetes-client*.deb "$d/x"; then
		install -D -m 755 "$d/x/usr/bin/kubectl" /usr/local/lib/sampan/kubectl.debian
	else
		say "no kubernetes-client package on this release; its kubectl is not tested"
	fi
	rm -rf "$d"
fi
if ! command -v kubectl >/dev/null && [ -x /usr/local/lib/sampan/kubectl.debian ]; then
	ln -s /usr/local/lib/sampan/kubectl.debian /usr/local/bin/kubectl
fi
say "everything is installed"
