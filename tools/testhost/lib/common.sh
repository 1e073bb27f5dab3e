# SPDX-License-Identifier: GPL-2.0-only
# Shared by the parts of testhost: messages, cache, locks, packages.
# shellcheck shell=bash disable=SC2034,SC2016

# Exit status of every sub-command, see "testhost --help".
EXIT_FAIL=1
EXIT_SETUP=4
export EXIT_FAIL EXIT_SETUP

CACHE=${TESTHOST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kvm-testhost}
JOBS=${TESTHOST_JOBS:-$(nproc)}

say()
{
	printf 'testhost: %s\n' "$*" >&2
}

die()
{
	say "error: $*"
	exit "$EXIT_SETUP"
}

# logged WHAT LOG CMD...: run CMD with its output in LOG, say what is being
# done and how long it took, and name the log when it fails.
logged()
{
	local what=$1 log=$2 start=$SECONDS beat
	shift 2

	mkdir -p "$(dirname "$log")"
	say "$what (log: $log)"
	while sleep 30; do
		say "  ... $what: $((SECONDS - start)) s"
	done &
	beat=$!
	if "$@" >"$log" 2>&1 </dev/null; then
		kill "$beat" 2>/dev/null
		wait "$beat" 2>/dev/null
		say "$what: done in $((SECONDS - start)) s"
		return 0
	fi
	kill "$beat" 2>/dev/null
	wait "$beat" 2>/dev/null
	tail -n 15 "$log" | sed 's/^/    /' >&2
	die "$what failed after $((SECONDS - start)) s, see $log"
}

# locked NAME CMD...: one builder of a cache entry at a time, machine-wide.
locked()
{
	local name=$1 rc=0
	shift

	mkdir -p "$CACHE" || die "cannot create $CACHE"
	(
		flock -n 9 || {
			say "waiting for another process that prepares $name"
			flock 9
		}
		"$@"
	) 9>"$CACHE/.lock-$name" || rc=$?
	return "$rc"
}

# key FILE...: 12 digits that change when one of the files does.
key()
{
	cat "$@" | sha256sum | cut -c1-12
}

pkg_installed()
{
	[ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null)" = "ii " ]
}

# need_packages GROUP...: the packages of these groups of packages.list, as
# root installed when missing, else named.
need_packages()
{
	local group pkg groups why missing=() lines=()

	while read -r pkg groups why; do
		case $pkg in ''|'#'*) continue ;; esac
		for group in "$@"; do
			case ",$groups," in *",$group,"*) ;; *) continue ;; esac
			pkg_installed "$pkg" || {
				missing+=("$pkg")
				lines+=("$pkg ($why)")
			}
			break
		done
	done <"$HERE/packages.list"
	[ ${#missing[@]} -eq 0 ] && return 0

	if [ "$(id -u)" -ne 0 ]; then
		say "these packages are missing:"
		printf '    %s\n' "${lines[@]}" >&2
		say "install them as root: apt-get install ${missing[*]}"
		exit "$EXIT_SETUP"
	fi
	for group in "${lines[@]}"; do
		say "installing package $group"
	done
	logged "apt-get install" "$CACHE/log/packages.log" \
		install_packages "${missing[@]}"
}

install_packages()
{
	local opts=(-y --no-install-recommends -o DPkg::Lock::Timeout=600)

	export DEBIAN_FRONTEND=noninteractive
	apt-get "${opts[@]}" install "$@" && return 0
	apt-get -o DPkg::Lock::Timeout=600 update &&
		apt-get "${opts[@]}" install "$@"
}

# private_apt SUITE KIND CMD...: run CMD with APT set to the options of an apt
# configuration of our own that knows SUITE (KIND deb or deb-src) of the
# mirror this system already uses.  The system's configuration stays as it is.
private_apt()
{
	local suite=$1 kind=$2 dir mirror
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	shift 2

	dir=$CACHE/apt-$suite-$kind
	mirror=$(apt-get indextargets --format '$(SITE) $(ORIGIN) $(CODENAME)' \
			'Identifier: Packages' 2>/dev/null |
		awk '$2 == "Debian" && $3 == "bookworm" { print $1; exit }')
	if [ -z "$mirror" ]; then
		echo "apt knows no mirror of Debian 12"
		return 1
	fi
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/pref"
	echo "$kind [signed-by=$keyring] $mirror $suite main" >"$dir/sources.list"
	APT=(
		-oDir::Etc::SourceList="$dir/sources.list"
		-oDir::Etc::SourceParts=/dev/null
		-oDir::Etc::PreferencesParts="$dir/pref"
		-oDir::State::Lists="$dir/lists"
		-oDir::Cache="$dir/cache"
		-oAPT::Sandbox::User=root
	)
	apt-get "${APT[@]}" update || return 1
	"$@"
}
