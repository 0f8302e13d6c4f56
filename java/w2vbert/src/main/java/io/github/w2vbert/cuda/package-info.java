/**
 * What callers who drive an NVIDIA GPU themselves need beside models: its properties, memory of the
 * host that it reads without a detour, streams and events.
 *
 * <p>This is the only package that needs JavaCPP Presets for CUDA: {@code org.bytedeco:cuda} and
 * its classifier {@code linux-x86_64}, which {@code io.github.w2vbert:w2vbert-platform-gpu} brings.
 * Where they are missing, or the driver cannot be used, everything here throws one {@link
 * io.github.w2vbert.W2vBertException} that says so; {@link io.github.w2vbert.W2vBert#cudaDriver}
 * describes driver and devices without them.
 *
 * <p>Devices are counted as CUDA counts them, from 0, so that {@code CUDA_VISIBLE_DEVICES} applies.
 * Everything happens in the primary context of a device, which LibTorch and CUDA's runtime library
 * use, too; it is made when first needed and stays. Any thread may use any object, and no thread's
 * current device is changed. Whoever creates an object closes it: closing twice does nothing, using
 * a closed object throws {@link java.lang.IllegalStateException}, closing while another thread's
 * call runs lets that call end, and what is forgotten is freed some time after the garbage
 * collector finds it. Handles are raw addresses of the driver's API, for code that calls CUDA
 * itself.
 */
package io.github.w2vbert.cuda;
