package io.github.w2vbert.cuda;

import static org.bytedeco.cuda.global.cudart.*;

import io.github.w2vbert.W2vBert;
import io.github.w2vbert.W2vBertException;
import io.github.w2vbert.internal.NativeLibrary;
import java.nio.ByteBuffer;
import org.bytedeco.cuda.cudart.CUctx_st;
import org.bytedeco.cuda.cudart.CUevent_st;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.SizeTPointer;

/** The driver by way of JavaCPP Presets for CUDA: the only class that names them. */
final class PresetDriver implements Driver {
  private PresetDriver() {}

  /**
   * The driver of this machine.
   *
   * @throws W2vBertException if the presets are not on the class path, or the driver has a problem
   */
  static Driver open() {
    try {
      cudart.class.getName();
    } catch (NoClassDefFoundError e) {
      throw new W2vBertException(
          "JavaCPP Presets for CUDA (org.bytedeco:cuda) are not on the class path;"
              + " io.github.w2vbert:w2vbert-platform-gpu brings them",
          e);
    }
    String problem = W2vBert.cudaDriver().problem();
    if (!problem.isEmpty()) {
      throw new W2vBertException("CUDA cannot be used: " + problem);
    }
    NativeLibrary.loadCudaPreset(cudart.class);
    return new PresetDriver();
  }

  /** An address as JavaCPP has it. */
  private static final class Address extends Pointer {
    Address(long value) {
      address = value;
    }
  }

  private static CUstream_st stream(long handle) {
    return new CUstream_st(new Address(handle));
  }

  private static CUevent_st event(long handle) {
    return new CUevent_st(new Address(handle));
  }

  @Override
  public String errorName(int error) {
    try (BytePointer name = new BytePointer((Pointer) null)) {
      return cuGetErrorName(error, name) == SUCCESS ? name.getString() : "error " + error;
    }
  }

  @Override
  public String errorText(int error) {
    try (BytePointer text = new BytePointer((Pointer) null)) {
      return cuGetErrorString(error, text) == SUCCESS ? text.getString() : "unknown error";
    }
  }

  @Override
  public int deviceCount(int[] count) {
    return cuDeviceGetCount(count);
  }

  @Override
  public int device(int index, int[] device) {
    return cuDeviceGet(device, index);
  }

  @Override
  public int deviceName(int device, byte[] name) {
    return cuDeviceGetName(name, name.length, device);
  }

  @Override
  public int devicePciBusId(int device, byte[] id) {
    return cuDeviceGetPCIBusId(id, id.length, device);
  }

  @Override
  public int deviceMemory(int device, long[] bytes) {
    try (SizeTPointer size = new SizeTPointer(1)) {
      int result = cuDeviceTotalMem(size, device);
      bytes[0] = size.get();
      return result;
    }
  }

  @Override
  public int deviceAttribute(int device, int attribute, int[] value) {
    return cuDeviceGetAttribute(value, attribute, device);
  }

  @Override
  public int retainContext(int device, long[] context) {
    CUctx_st retained = new CUctx_st();
    int result = cuDevicePrimaryCtxRetain(retained, device);
    context[0] = retained.address();
    return result;
  }

  @Override
  public int pushContext(long context) {
    return cuCtxPushCurrent(new CUctx_st(new Address(context)));
  }

  @Override
  public int popContext() {
    return cuCtxPopCurrent(new CUctx_st());
  }

  @Override
  public int memoryInfo(long[] free, long[] total) {
    try (SizeTPointer freeBytes = new SizeTPointer(1);
        SizeTPointer totalBytes = new SizeTPointer(1)) {
      int result = cuMemGetInfo(freeBytes, totalBytes);
      free[0] = freeBytes.get();
      total[0] = totalBytes.get();
      return result;
    }
  }

  @Override
  public int hostAlloc(long bytes, long[] address) {
    Pointer memory = new Pointer();
    int result = cuMemHostAlloc(memory, bytes, CU_MEMHOSTALLOC_PORTABLE);
    address[0] = memory.address();
    return result;
  }

  @Override
  public int hostFree(long address) {
    return cuMemFreeHost(new Address(address));
  }

  @Override
  public ByteBuffer hostBuffer(long address, int bytes) {
    return new BytePointer(new Address(address)).capacity(bytes).asByteBuffer();
  }

  @Override
  public int streamCreate(long[] stream) {
    CUstream_st created = new CUstream_st();
    int result = cuStreamCreate(created, CU_STREAM_NON_BLOCKING);
    stream[0] = created.address();
    return result;
  }

  @Override
  public int streamDestroy(long stream) {
    return cuStreamDestroy(stream(stream));
  }

  @Override
  public int streamSynchronize(long stream) {
    return cuStreamSynchronize(stream(stream));
  }

  @Override
  public int streamQuery(long stream) {
    return cuStreamQuery(stream(stream));
  }

  @Override
  public int streamWaitEvent(long stream, long event) {
    return cuStreamWaitEvent(stream(stream), event(event), 0);
  }

  @Override
  public int eventCreate(long[] event) {
    CUevent_st created = new CUevent_st();
    int result = cuEventCreate(created, CU_EVENT_DEFAULT);
    event[0] = created.address();
    return result;
  }

  @Override
  public int eventDestroy(long event) {
    return cuEventDestroy(event(event));
  }

  @Override
  public int eventRecord(long event, long stream) {
    return cuEventRecord(event(event), stream(stream));
  }

  @Override
  public int eventSynchronize(long event) {
    return cuEventSynchronize(event(event));
  }

  @Override
  public int eventQuery(long event) {
    return cuEventQuery(event(event));
  }

  @Override
  public int eventElapsedTime(long start, long end, float[] milliseconds) {
    return cuEventElapsedTime(milliseconds, event(start), event(end));
  }
}
