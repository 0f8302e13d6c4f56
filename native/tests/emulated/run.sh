#!/usr/bin/env bash
# Runs the tests of the CPU kernels on an emulated processor with AVX-512, for machines that have
# none: Bochs boots a Linux kernel whose only program is a static build of the tests.
#
#   native/tests/emulated/run.sh [GTEST_FILTER [SECONDS]]
#
# Needs Debian's g++, libgtest-dev, cpio, xorriso and apt-get, which downloads the emulator and the
# kernel into WORK; nothing is installed. Booting takes about a minute, and a test some hundred times
# its usual time, so that the filter should name few (default: each kernel's comparison with its
# reference, and what else depends on the width of a vector).
set -euo pipefail

attention='*AttentionKernel*MatchesReference*avx512*'
linear='*LinearKernel*avx512*In17Out50:*LinearKernel*avx512*In144Out98'
linear+=':*LinearKernel*MatchesReference*avx512*In257*'
weights='*LinearWeightsKernel*avx512*In33Out26:*LinearWeightsKernel*Integers*avx512*In513*'
filter=${1:-$attention:$linear:$weights}
seconds=${2:-3600}
native=$(cd "$(dirname "$0")/../.." && pwd)
work=${WORK:-${TMPDIR:-/tmp}/w2vbert-emulated}
mkdir -p "$work"/{packages,root,objects,files,iso}
cd "$work"

# The packages, unpacked.
if [ ! -e root/usr/bin/bochs-bin ]; then
  kernel=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image/ {print $2}')
  (cd packages && apt-get download bochs bochs-term bochsbios vgabios isolinux syslinux-common "$kernel")
  for package in packages/*.deb; do dpkg -x "$package" root; done
fi

# The kernels and the tests of those that have a variant for AVX-512; none names LibTorch.
sources=("$native"/w2vbert/ops/cpu/*.cpp "$native/w2vbert/io/half.cpp")
for name in linear linear_weights relative_position_attention; do
  sources+=("$native/tests/ops/cpu/${name}_kernel_test.cpp")
done
objects=()
for source in "${sources[@]}"; do
  flags=()
  case $source in
    *_avx2.cpp) flags=(-mavx2 -mfma -mf16c) ;;
    *_avx512*.cpp) flags=(-mavx2 -mfma -mavx512f -mavx512vl -mavx512dq -mavx512bw) ;;
  esac
  case $source in *_vnni.cpp) flags+=(-mavx512vnni) ;; esac
  object=objects/$(basename "$source" .cpp).o
  objects+=("$object")
  g++ -std=c++17 -O3 -DNDEBUG -I "$native" -I "$native/tests" "${flags[@]}" -c "$source" -o "$object"
done
g++ -static -s "${objects[@]}" -lgtest -lgtest_main -lpthread -o files/tests

# The first and only process: runs the tests, says how they ended and switches the machine off.
cat > init.c <<'C'
#include <stdio.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void) {
  char* arguments[] = {"/tests", "--gtest_color=no", "--gtest_filter=" FILTER, NULL};
  int status = 0;
  const pid_t tests = fork();
  if (tests == 0) {
    execv(arguments[0], arguments);
    _exit(127);
  }
  waitpid(tests, &status, 0);
  printf("tests ended with status %d\n", status);
  fflush(stdout);
  sleep(1);
  reboot(RB_POWER_OFF);
}
C
gcc -static -O2 "-DFILTER=\"$filter\"" init.c -o files/init
(cd files && printf '%s\n' init tests | cpio -o -H newc --quiet | gzip) > iso/initrd

# Linux finds that Bochs lays out XSAVE's compact form and protection keys otherwise than it expects,
# and would do without AVX: so without both. Nor can it boot with Bochs's fast short REP MOVSB.
cp root/boot/vmlinuz-* iso/kernel
cp root/usr/lib/ISOLINUX/isolinux.bin root/usr/lib/syslinux/modules/bios/ldlinux.c32 iso/
cat > iso/isolinux.cfg <<'C'
DEFAULT tests
LABEL tests
  KERNEL kernel
  APPEND initrd=initrd console=ttyS0 quiet mitigations=off panic=-1 lpj=1000000 clearcpuid=xsaves,xsavec,pku,fsrm
C
xorriso -as mkisofs -quiet -o tests.iso -b isolinux.bin -c boot.cat -no-emul-boot \
  -boot-load-size 4 -boot-info-table iso

cat > bochsrc <<'C'
megs: 512
cpu: model=corei7_icelake_u, ips=50000000
clock: sync=none
romimage: file=root/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=root/usr/share/bochs/VGABIOS-lgpl-latest
ata0-master: type=cdrom, path=tests.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=serial.txt
display_library: term
sound: waveoutdrv=dummy, waveout=none, waveindrv=dummy, wavein=none, midioutdrv=dummy, midiout=none
speaker: enabled=0
plugin_ctrl: voodoo=0, es1370=0, e1000=0, gameport=0, sb16=0, usb_uhci=0
log: bochs.log
panic: action=report
error: action=report
info: action=ignore
C
echo continue > commands  # Debian's Bochs waits in its debugger

rm -f serial.txt
export TERM=vt100 BXSHARE=$work/root/usr/share/bochs
export LTDL_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu/bochs/plugins
# `script` gives it the terminal that it draws on.
timeout "$seconds" script -qfc "root/usr/bin/bochs-bin -q -f bochsrc -rc commands" screen.txt \
  < /dev/null > /dev/null 2>&1 || true
cat serial.txt
grep -q "tests ended with status 0" serial.txt && grep -q "  OK ]" serial.txt
