#!/bin/sh
# cuda-resources.sh FOLDER nvcc ... -c X.cu ...: runs the compiler, with -Xptxas=-v, and writes what it
# says of the kernels to FOLDER/X.txt, a line each: architecture, registers, bytes of spill stores and
# loads, name. Everything else it says is shown.
folder=$1
shift
source=kernels
for argument in "$@"; do
  case $argument in *.cu) source=$(basename "$argument" .cu) ;; esac
done
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"$@" 2> "$log"
status=$?
grep -v -e '^ptxas info' -e 'bytes stack frame' "$log" >&2
if [ $status -eq 0 ] && grep -q 'Compiling entry function' "$log"; then
  mkdir -p "$folder"
  demangle=$(command -v c++filt || echo cat)
  awk '
    /Compiling entry function/ { split($0, quoted, "\047"); name = quoted[2]; arch = quoted[4] }
    /bytes spill stores/ { spills = $5 "+" $9 }
    /Used [0-9]+ registers/ {
      for (i = 1; i < NF; ++i) if ($i == "Used") registers = $(i + 1)
      print arch, registers, spills, name
    }' "$log" | "$demangle" > "$folder/$source.txt"
fi
exit $status
