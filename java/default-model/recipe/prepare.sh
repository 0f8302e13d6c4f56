#!/bin/bash
# Makes the data set of the default model in folder OUT on a Debian 12 machine.
# usage: prepare.sh OUT [JOBS]     (JOBS: processes at once, default: the number of cores)
# Installs missing tools with apt-get (as root or with sudo). A stopped run goes on where it was.
set -euo pipefail
if (($# < 1 || $# > 2)); then
  sed -n '2,4s/^# //p' "$0" >&2
  exit 2
fi
recipe=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
jobs=${2:-$(nproc)}

# Speech synthesisers with their voices, and tools.
tools=(espeak-ng flite festival festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts sox ffmpeg
  python3 irstlm)
# Recordings: only unpacked, since nothing is to be run from them.
recordings=(asterisk-core-sounds-en-g722 pocketsphinx-testdata)

missing=()
for package in "${tools[@]}"; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $status == installed ]] || missing+=("$package")
done
if ((${#missing[@]})); then
  root=()
  ((EUID == 0)) || root=(sudo)
  "${root[@]}" apt-get update -q
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "${missing[@]}"
fi

mkdir -p "$out/packages"
for package in "${recordings[@]}"; do
  [[ -e $out/packages/$package.done ]] && continue
  (cd "$out/packages" && apt-get download -q "$package" && dpkg -x "$package"_*.deb .)
  touch "$out/packages/$package.done"
done

export PYTHONDONTWRITEBYTECODE=1
python3 "$recipe/texts.py" > "$out/texts.tsv"
python3 "$recipe/synthesize.py" --texts "$out/texts.tsv" --out "$out" --jobs "$jobs"
python3 "$recipe/manifests.py" --texts "$out/texts.tsv" --out "$out" \
  --asterisk "$out/packages/usr/share/asterisk/sounds/en_US_f_Allison" \
  --pocketsphinx "$out/packages/usr/share/pocketsphinx/test/data" | tee "$out/counts.txt"
