package io.github.w2vbert.cuda;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.javacpp.BytePointer;

/**
 * A driver without a device behind it, for two devices that it calls 10 and 11. It refuses what
 * happens outside of a context, in the wrong one, or with what is freed.
 */
final class FakeDriver implements Driver {
  static final int INVALID_HANDLE = 400;
  static final int INVALID_CONTEXT = 201;
  static final int OUT_OF_MEMORY = 2;

  private static final int FIRST_DEVICE = 10;
  private static final long FIRST_CONTEXT = 1000;

  /** By its handle, the context of what was created and not freed. */
  final Map<Long, Long> live = new ConcurrentHashMap<>();

  private final Map<Long, BytePointer> memory = new HashMap<>();
  private final Map<Long, Long> times = new ConcurrentHashMap<>();
  private final ThreadLocal<Long> context = ThreadLocal.withInitial(() -> 0L);
  private final AtomicLong next = new AtomicLong(1000); // small ones are default streams

  /** Work is not done before this is false. */
  volatile boolean busy;

  /** If not 0, what every function returns that belongs to a context. */
  volatile int failure;

  /** Runs in streamSynchronize. */
  volatile Runnable whileSynchronizing = () -> {};

  private int inContext(long... handles) {
    if (context.get() == 0) {
      return INVALID_CONTEXT;
    }
    for (long handle : handles) {
      if (!context.get().equals(live.get(handle))) {
        return INVALID_HANDLE;
      }
    }
    return failure;
  }

  private int create(long[] handle) {
    int result = inContext();
    if (result == SUCCESS) {
      handle[0] = next.getAndIncrement();
      live.put(handle[0], context.get());
    }
    return result;
  }

  private int destroy(long handle) {
    int result = inContext(handle);
    live.remove(handle);
    return result;
  }

  @Override
  public String errorName(int error) {
    return "CUDA_ERROR_" + error;
  }

  @Override
  public String errorText(int error) {
    return "fake error " + error;
  }

  @Override
  public int deviceCount(int[] count) {
    count[0] = 2;
    return SUCCESS;
  }

  @Override
  public int device(int index, int[] device) {
    device[0] = FIRST_DEVICE + index;
    return SUCCESS;
  }

  private static void write(byte[] target, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    System.arraycopy(bytes, 0, target, 0, bytes.length);
  }

  @Override
  public int deviceName(int device, byte[] name) {
    write(name, "Fake GPU " + device);
    return SUCCESS;
  }

  @Override
  public int devicePciBusId(int device, byte[] id) {
    write(id, "0000:" + device + ":00.0");
    return SUCCESS;
  }

  @Override
  public int deviceMemory(int device, long[] bytes) {
    bytes[0] = 80L << 30;
    return SUCCESS;
  }

  @Override
  public int deviceAttribute(int device, int attribute, int[] value) {
    value[0] =
        switch (attribute) {
          case COMPUTE_CAPABILITY_MAJOR -> 9;
          case MULTIPROCESSOR_COUNT -> 132;
          default -> 0;
        };
    return SUCCESS;
  }

  @Override
  public int retainContext(int device, long[] context) {
    context[0] = FIRST_CONTEXT + device;
    return SUCCESS;
  }

  @Override
  public int pushContext(long pushed) {
    context.set(pushed);
    return SUCCESS;
  }

  @Override
  public int popContext() {
    context.set(0L);
    return SUCCESS;
  }

  @Override
  public int memoryInfo(long[] free, long[] total) {
    free[0] = context.get(); // tells which device was asked
    total[0] = 80L << 30;
    return inContext();
  }

  @Override
  public int hostAlloc(long bytes, long[] address) {
    int result = create(address);
    if (result == SUCCESS) {
      memory.put(address[0], new BytePointer(bytes));
    }
    return result;
  }

  @Override
  public int hostFree(long address) {
    return destroy(address);
  }

  @Override
  public ByteBuffer hostBuffer(long address, int bytes) {
    return memory.get(address).asByteBuffer();
  }

  @Override
  public int streamCreate(long[] stream) {
    return create(stream);
  }

  @Override
  public int streamDestroy(long stream) {
    return destroy(stream);
  }

  @Override
  public int streamSynchronize(long stream) {
    whileSynchronizing.run();
    return inContext(stream);
  }

  @Override
  public int streamQuery(long stream) {
    int result = inContext(stream);
    return result == SUCCESS && busy ? NOT_READY : result;
  }

  @Override
  public int streamWaitEvent(long stream, long event) {
    return live.containsKey(event) ? inContext(stream) : INVALID_HANDLE;
  }

  @Override
  public int eventCreate(long[] event) {
    return create(event);
  }

  @Override
  public int eventDestroy(long event) {
    return destroy(event);
  }

  @Override
  public int eventRecord(long event, long stream) {
    times.put(event, next.getAndIncrement());
    return inContext(event, stream);
  }

  @Override
  public int eventSynchronize(long event) {
    return inContext(event);
  }

  @Override
  public int eventQuery(long event) {
    int result = inContext(event);
    return result == SUCCESS && busy ? NOT_READY : result;
  }

  @Override
  public int eventElapsedTime(long start, long end, float[] milliseconds) {
    int result = inContext(start, end);
    if (result == SUCCESS && busy) {
      return NOT_READY;
    }
    milliseconds[0] = times.get(end) - times.get(start);
    return result;
  }
}
