#!/usr/bin/env bash
# Unpacks Debian's real ROCm runtime (HIP, hiprtc, hipBLASLt and all they need, libc included) into the tests' cache,
# about 230 MB to fetch. Nothing is installed on the system. Its own libc makes it run beside an older one through
# its own dynamic loader, see rocm.py. Takes a moment where it is already there.
set -euo pipefail

root="${XDG_CACHE_HOME:-$HOME/.cache}/mlx_rocm-tests/rocm"
if [ -e "$root/complete" ]; then exit 0; fi
for tool in apt-get dpkg-deb; do
  command -v "$tool" >/dev/null || { echo "no $tool: Debian's ROCm packages can not be had here" >&2; exit 1; }
done

mkdir -p "$(dirname "$root")"
work="$(mktemp -d "$root.XXXXXX")"
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{state/lists/partial,cache/archives/partial,root}
touch "$work/state/status" # nothing counts as installed, so that every dependency is fetched
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keyring] http://deb.debian.org/debian sid main" >"$work/sources.list"
cat >"$work/apt.conf" <<END
Dir::State "$work/state";
Dir::State::status "$work/state/status";
Dir::Cache "$work/cache";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "$work/none";
Dir::Etc::Preferences "$work/none";
Dir::Etc::PreferencesParts "$work/none";
APT::Architecture "amd64";
APT::Install-Recommends "false";
APT::Sandbox::User "$(id -un)";
Debug::NoLocking "true";
END
apt=(apt-get -c "$work/apt.conf" -qq)
"${apt[@]}" update
"${apt[@]}" install -y --download-only libhiprtc6 libamdhip64-6 libhipblaslt1 >/dev/null
for package in "$work"/cache/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -x -C "$work/root" --exclude='*/hipblaslt/library/*' --exclude='./usr/share/*'
done
touch "$work/root/complete"
rm -rf "$root"
mv "$work/root" "$root"
