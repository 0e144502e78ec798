#!/usr/bin/env bash
# The report is tested in real Chromium. Installs Debian's package when none is there; says what to do when it cannot.
set -euo pipefail
for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then exit 0; fi
done
run() { if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo -n "$@"; else return 1; fi; }
echo "installing Debian's chromium for the page tests …" >&2
if ! { run apt-get update -qq && DEBIAN_FRONTEND=noninteractive run apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; }; then
  echo "chromium is missing and could not be installed: run 'apt-get install chromium' as root, then npm test again" >&2
  exit 2
fi
