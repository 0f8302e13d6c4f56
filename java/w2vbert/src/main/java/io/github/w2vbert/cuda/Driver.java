package io.github.w2vbert.cuda;

import java.nio.ByteBuffer;

/**
 * The functions of NVIDIA's driver that this package calls. They return the driver's error code and
 * write results to the first elements of arrays; devices, addresses and handles are the driver's.
 */
interface Driver {
  int SUCCESS = 0;
  int NOT_READY = 600;

  int MULTIPROCESSOR_COUNT = 16; // attributes
  int COMPUTE_CAPABILITY_MAJOR = 75;
  int COMPUTE_CAPABILITY_MINOR = 76;

  /** Such as {@code CUDA_ERROR_OUT_OF_MEMORY}. */
  String errorName(int error);

  /** Such as {@code out of memory}. */
  String errorText(int error);

  int deviceCount(int[] count);

  int device(int index, int[] device);

  /** Writes a text that ends with a zero. */
  int deviceName(int device, byte[] name);

  /** Writes a text that ends with a zero. */
  int devicePciBusId(int device, byte[] id);

  int deviceMemory(int device, long[] bytes);

  int deviceAttribute(int device, int attribute, int[] value);

  /** The primary context. */
  int retainContext(int device, long[] context);

  /** What follows on this thread happens in this context, until it is popped. */
  int pushContext(long context);

  int popContext();

  int memoryInfo(long[] free, long[] total);

  /** Memory that is page-locked in every context. */
  int hostAlloc(long bytes, long[] address);

  int hostFree(long address);

  /** A view of memory that hostAlloc gave. */
  ByteBuffer hostBuffer(long address, int bytes);

  /** A stream that does not wait for the default stream. */
  int streamCreate(long[] stream);

  int streamDestroy(long stream);

  int streamSynchronize(long stream);

  int streamQuery(long stream);

  int streamWaitEvent(long stream, long event);

  /** An event with a time stamp. */
  int eventCreate(long[] event);

  int eventDestroy(long event);

  int eventRecord(long event, long stream);

  int eventSynchronize(long event);

  int eventQuery(long event);

  int eventElapsedTime(long start, long end, float[] milliseconds);
}
