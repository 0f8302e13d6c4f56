package io.github.w2vbert.internal;

import io.github.w2vbert.W2vBert;
import io.github.w2vbert.W2vBertException;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.bytedeco.javacpp.Loader;

/**
 * Loads LibTorch and this library, once.
 *
 * <p>If {@value #PATH_PROPERTY} names a folder, everything is loaded from there and nowhere else.
 * Otherwise the libraries are extracted from the jars on the class path to JavaCPP's cache ({@code
 * org.bytedeco.javacpp.cachedir}, by default {@code ~/.javacpp/cache}) and loaded from it. Where
 * LibTorch for CUDA is on the class path ({@code org.bytedeco:pytorch}, classifier {@code
 * linux-x86_64-gpu}) it is the one that is used, on a machine without a GPU too; NVIDIA's
 * libraries, which it needs, come from where {@link CudaLibraries} finds them.
 *
 * <p>LibTorch is loaded library by library, each by its path, before anything that needs it: a
 * dependency that is already in the process is not searched for, so that another LibTorch on the
 * system is never picked up. (The preset's own loading order allows that with a cold cache.)
 */
public final class NativeLibrary {
  /** A folder with our libraries and LibTorch's, from which all are loaded without fallback. */
  public static final String PATH_PROPERTY = "w2vbert.library.path";

  /**
   * With {@link #PATH_PROPERTY}: another folder for LibTorch's libraries, such as {@code torch/lib}
   * of a Python installation.
   */
  public static final String LIBTORCH_PROPERTY = "w2vbert.libtorch.path";

  static final String PLATFORM = "linux-x86_64";

  private static final String GPU_PLATFORM = PLATFORM + "-gpu";
  private static final String TORCH_CUDA = "libtorch_cuda.so";
  private static final String CUDA_PLUGIN = "libw2vbert_cuda.so";

  private static final String LIBTORCH = "libtorch_cpu.so";
  private static final String THREAD_DEFAULTS = "libw2vbert_threads.so"; // before others
  private static final List<String> OPENBLAS_LIBRARIES =
      List.of("libquadmath.so.0", "libgfortran.so.5", "libopenblas.so.0");
  private static final List<String> TORCH_LIBRARIES =
      List.of("libgomp.so.1", "libc10.so", LIBTORCH);
  private static final List<String> OWN_LIBRARIES = List.of("libw2vbert.so", "libjniNative.so");

  private static final long STACK_BYTES = 8 << 20; // of the loader: ample

  private static final String APPLICATION = "io.github.w2vbert:w2vbert-platform";

  private static Thread loader;
  private static Throwable failure; // why it did not set `loaded`
  private static volatile boolean loaded;
  private static boolean pluginOpened;

  private NativeLibrary() {}

  /**
   * Loads everything unless that has been done.
   *
   * @throws W2vBertException if it cannot be loaded, with the reason and the way out in one line;
   *     the first failure is remembered and thrown again
   */
  public static void load() {
    if (!loaded) {
      loadOnce();
    }
  }

  private static synchronized void loadOnce() {
    if (loaded) {
      return;
    }
    if (loader == null) {
      // Failures are final, and the stack of the caller may be nearly used up.
      Thread thread = new Thread(null, NativeLibrary::loadAll, "w2vbert-load", STACK_BYTES);
      thread.setDaemon(true);
      thread.start();
      loader = thread;
    }
    boolean interrupted = false;
    while (loader.isAlive()) {
      try {
        loader.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    if (loaded) {
      return;
    }
    throw new W2vBertException(failure.getMessage(), failure);
  }

  /** Sets `loaded` or `failure`. */
  private static void loadAll() {
    try {
      checkPlatform(
          System.getProperty("os.name"),
          System.getProperty("os.arch"),
          Files.exists(Path.of("/lib/ld-musl-x86_64.so.1"))
              && !Files.exists(Path.of("/lib64/ld-linux-x86-64.so.2")));
      forbidPhysicalMemoryLimit();
      String folder = System.getProperty(PATH_PROPERTY);
      if (folder != null) {
        loadFromFolder(Path.of(folder));
      } else {
        loadFromClassPath();
      }
      Native.simd_level(); // refuses a wrong W2VBERT_SIMD now rather than in the first call
      prepareEnd();
      loaded = true;
    } catch (W2vBertException e) {
      failure = e;
    } catch (Throwable e) { // errors too: nobody would see them on this thread
      failure = new W2vBertException(explain(String.valueOf(e.getMessage())), e);
    }
  }

  /** A JVM that ends under a running call must not crash; the last handler has to be ours. */
  private static void prepareEnd() {
    try {
      Runtime.getRuntime().addShutdownHook(new Thread(Native::prepare_end, "w2vbert-end"));
    } catch (IllegalStateException e) { // it is ending
      Native.prepare_end();
    }
  }

  /**
   * Loads the JNI library of JavaCPP's PyTorch preset as well, for callers who use its classes.
   *
   * @throws W2vBertException if it is not on the class path
   */
  public static void loadPreset() {
    load();
    if (System.getProperty(PATH_PROPERTY) != null) {
      throw new W2vBertException(
          "the PyTorch preset brings a LibTorch of its own, but "
              + PATH_PROPERTY
              + " names the one that is loaded; use the preset without that property");
    }
    try {
      Loader.load(org.bytedeco.pytorch.global.torch.class);
    } catch (UnsatisfiedLinkError | NoClassDefFoundError e) {
      throw new W2vBertException(
          "the native library of JavaCPP's PyTorch preset cannot be loaded: " + e.getMessage(), e);
    }
  }

  /**
   * Opens the CUDA plug-in and, before it, LibTorch's CUDA library and NVIDIA's. Nothing is
   * extracted unless there is a driver that can be used.
   *
   * @throws W2vBertException if the driver has a problem, or a library is missing, with the way
   *     out; what the native library refuses comes as JavaCPP's exception
   */
  public static synchronized void openCudaPlugin() {
    load();
    if (pluginOpened) {
      return;
    }
    String problem = W2vBert.cudaDriver().problem();
    if (!problem.isEmpty()) {
      throw new W2vBertException("CUDA cannot be used: " + problem);
    }
    String folder = System.getProperty(PATH_PROPERTY);
    if (folder != null) {
      Path torch = Path.of(System.getProperty(LIBTORCH_PROPERTY, folder));
      Native.open_cuda_plugin(
          existing(torch, TORCH_CUDA, LIBTORCH_PROPERTY),
          existing(Path.of(folder), CUDA_PLUGIN, PATH_PROPERTY));
    } else {
      openCudaPluginOfClassPath();
    }
    pluginOpened = true;
  }

  private static void openCudaPluginOfClassPath() {
    if (!hasLibTorchForCuda()) {
      throw new W2vBertException(
          "LibTorch from the class path computes on the CPU only; depend on "
              + APPLICATION
              + "-gpu, which brings org.bytedeco:pytorch:"
              + GPU_PLATFORM
              + ", or name an installed LibTorch that has "
              + TORCH_CUDA
              + " with "
              + PATH_PROPERTY
              + " and "
              + LIBTORCH_PROPERTY);
    }
    try {
      URL plugin = ownResource(GPU_PLATFORM, CUDA_PLUGIN);
      new CudaLibraries().load(CudaLibraries.OF_LIBTORCH_CUDA);
      System.load(extract(torchResource("libc10_cuda.so")).toString());
      Path torch = extract(torchResource(TORCH_CUDA));
      Native.open_cuda_plugin(torch.toString(), extractOwn(plugin).toString());
    } catch (IOException | UnsatisfiedLinkError e) {
      throw new W2vBertException(explain(String.valueOf(e.getMessage())), e);
    } catch (RuntimeException e) {
      String explained = CudaLibraries.explainMissing(String.valueOf(e.getMessage()));
      throw explained == null ? e : new W2vBertException(explained, e);
    }
  }

  /**
   * Loads the native library of a class of JavaCPP Presets for CUDA.
   *
   * @throws W2vBertException if it cannot be loaded
   */
  public static void loadCudaPreset(Class<?> preset) {
    load();
    try {
      new CudaLibraries().load(List.of(CudaLibraries.RUNTIME));
      Loader.load(preset);
    } catch (IOException | UnsatisfiedLinkError e) {
      String reason = String.valueOf((e.getCause() == null ? e : e.getCause()).getMessage());
      String explained = CudaLibraries.explainMissing(reason);
      throw new W2vBertException(
          explained != null
              ? explained
              : "the native library of JavaCPP Presets for CUDA (org.bytedeco:cuda, classifier "
                  + PLATFORM
                  + ") cannot be loaded; "
                  + APPLICATION
                  + "-gpu brings it: "
                  + reason,
          e);
    }
  }

  /**
   * By its name, where each library that CUDA needs would be loaded from: for diagnosis. Empty if
   * LibTorch computes on the CPU only.
   */
  public static Map<String, String> describeCudaLibraries() {
    String folder = System.getProperty(PATH_PROPERTY);
    Map<String, String> places = new LinkedHashMap<>();
    if (folder != null) {
      Path torch = Path.of(System.getProperty(LIBTORCH_PROPERTY, folder));
      if (Files.isRegularFile(torch.resolve(TORCH_CUDA))) {
        places.put(CUDA_PLUGIN, folder);
        places.put(TORCH_CUDA, torch.toString());
      }
    } else if (hasLibTorchForCuda()) {
      places.put(CUDA_PLUGIN, CudaLibraries.describe(find(ownPath(GPU_PLATFORM, CUDA_PLUGIN))));
      places.put(TORCH_CUDA, CudaLibraries.describe(find(torchPath(TORCH_CUDA))));
      places.putAll(new CudaLibraries().describe());
    }
    return places;
  }

  /** The folder from which LibTorch was or would be loaded: for diagnosis. */
  public static String describeSource() {
    String folder = System.getProperty(PATH_PROPERTY);
    if (folder != null) {
      return folder + " (" + PATH_PROPERTY + ")";
    }
    try {
      return Loader.getCacheDir().getPath()
          + " (extracted from the class path"
          + (hasLibTorchForCuda() ? ", for CUDA)" : ")");
    } catch (IOException e) {
      return "no cache folder: " + e.getMessage();
    }
  }

  static void checkPlatform(String osName, String osArch, boolean musl) {
    String arch = osArch.toLowerCase(Locale.ROOT);
    String platform = osName + " on " + osArch + (musl ? " with musl" : "");
    if (!osName.equals("Linux") || !(arch.equals("amd64") || arch.equals("x86_64"))) {
      throw new W2vBertException(
          "w2vbert has no native library for " + platform + "; it runs on Linux on x86-64 (amd64)");
    }
    if (musl) {
      throw new W2vBertException(
          "w2vbert has no native library for "
              + platform
              + " (Alpine and the like); use an image with glibc, such as Debian's");
    }
  }

  /**
   * JavaCPP refuses to work when the process has more memory resident than a limit that it derives
   * from the Java heap. Mapped weights count as resident, so the limit would strike a healthy
   * process with a small heap. Works only if no class of JavaCPP has read the property yet.
   */
  private static void forbidPhysicalMemoryLimit() {
    for (String name : List.of("maxphysicalbytes", "maxPhysicalBytes")) {
      if (System.getProperty("org.bytedeco.javacpp." + name) != null) {
        return;
      }
    }
    System.setProperty("org.bytedeco.javacpp.maxphysicalbytes", "0");
  }

  private static void loadFromFolder(Path folder) throws IOException {
    Path torch = Path.of(System.getProperty(LIBTORCH_PROPERTY, folder.toString()));
    System.load(existing(folder, THREAD_DEFAULTS, PATH_PROPERTY));
    // An installed LibTorch brings its own BLAS and OpenMP, which its run path finds.
    for (String name : concat(OPENBLAS_LIBRARIES, List.of("libgomp.so.1"))) {
      if (Files.exists(torch.resolve(name))) {
        System.load(torch.resolve(name).toAbsolutePath().toString());
      }
    }
    for (String name : List.of("libc10.so", LIBTORCH)) {
      System.load(existing(torch, name, LIBTORCH_PROPERTY));
    }
    for (String name : OWN_LIBRARIES) {
      existing(folder, name, PATH_PROPERTY);
    }
    for (String name : OWN_LIBRARIES) {
      loadOwn(folder.resolve(name));
    }
  }

  /** Loads through JavaCPP, which then knows of it when its classes ask for it. */
  private static void loadOwn(Path file) throws IOException {
    String name = file.getFileName().toString().replaceFirst("^lib(.*)\\.so$", "$1");
    Loader.loadLibrary(NativeLibrary.class, new URL[] {file.toUri().toURL()}, name);
  }

  private static String existing(Path folder, String name, String property) {
    Path file = folder.resolve(name);
    if (!Files.isRegularFile(file)) {
      throw new W2vBertException(
          folder + " has no " + name + "; " + property + " must name a folder that holds it");
    }
    return file.toAbsolutePath().toString();
  }

  private static void loadFromClassPath() throws IOException {
    checkCacheFolder();
    System.load(extractOwn(ownResource(PLATFORM, THREAD_DEFAULTS)).toString());
    for (String name : OPENBLAS_LIBRARIES) {
      System.load(
          extract(resource("org/bytedeco/openblas/" + PLATFORM + "/" + name, "openblas", ""))
              .toString());
    }
    if (hasLibTorchForCuda()) {
      new CudaLibraries().load(CudaLibraries.OF_LIBTORCH);
    }
    for (String name : TORCH_LIBRARIES) {
      System.load(extract(torchResource(name)).toString());
    }
    for (String name : OWN_LIBRARIES) {
      loadOwn(extractOwn(ownResource(PLATFORM, name)));
    }
  }

  /** Whether the class path has one; JavaCPP, too, prefers it to the one for the CPU. */
  private static boolean hasLibTorchForCuda() {
    return find(torchPath(GPU_PLATFORM, LIBTORCH)) != null;
  }

  private static void checkCacheFolder() {
    String reason;
    try {
      Path folder = ResourceCache.folder();
      Files.createDirectories(folder);
      if (Files.isWritable(folder)) {
        return;
      }
      reason = folder + " is not writable";
    } catch (IOException e) {
      reason = e.toString();
    }
    throw new W2vBertException(
        "native libraries cannot be extracted to JavaCPP's cache folder ("
            + reason
            + "); "
            + ResourceCache.HINT);
  }

  /** The file of a resource: itself if it is one. */
  static Path extract(URL resource) throws IOException {
    if (resource.getProtocol().equals("file")) {
      return Path.of(URI.create(resource.toString()));
    }
    File file = Loader.cacheResource(resource);
    if (file == null) {
      throw new W2vBertException("JavaCPP could not extract " + resource + " to its cache folder");
    }
    return file.toPath();
  }

  private static Path extractOwn(URL resource) throws IOException {
    String path = resource.getPath();
    return ResourceCache.extract(List.of(resource), Loader.getCacheDir().toPath())
        .resolve(path.substring(path.lastIndexOf('/') + 1));
  }

  private static URL ownResource(String platform, String name) {
    return resource(ownPath(platform, name), "w2vbert", platform.substring(PLATFORM.length()));
  }

  private static String ownPath(String platform, String name) {
    return "io/github/w2vbert/internal/" + platform + "/" + name;
  }

  /** A library of the LibTorch that is used. */
  private static URL torchResource(String name) {
    return resource(torchPath(name), "pytorch", "");
  }

  private static String torchPath(String name) {
    return torchPath(hasLibTorchForCuda() ? GPU_PLATFORM : PLATFORM, name);
  }

  private static String torchPath(String platform, String name) {
    return "org/bytedeco/pytorch/" + platform + "/" + name;
  }

  /** Asks the class loader: a class of a named module finds resources of its own module only. */
  private static URL find(String resource) {
    return NativeLibrary.class.getClassLoader().getResource(resource);
  }

  /** `variant` is "" or "-gpu". */
  private static URL resource(String resource, String artifact, String variant) {
    URL url = find(resource);
    if (url == null) {
      throw new W2vBertException(
          "the native libraries of "
              + artifact
              + " are not on the class path ("
              + resource
              + "); depend on "
              + APPLICATION
              + variant
              + ", which brings the "
              + PLATFORM
              + variant
              + " jars, and on the module path add --add-modules ALL-MODULE-PATH");
    }
    return url;
  }

  /** One line that says what a message of the dynamic linker means. */
  static String explain(String message) {
    if (message.contains("GLIBC_") && message.contains("not found")) {
      return "this system's glibc is too old for w2vbert (Debian 12, Ubuntu 22.04 and later have a new"
          + " enough one): "
          + message;
    }
    if (message.contains("GLIBCXX_") && message.contains("not found")) {
      return "this system's libstdc++ is too old for w2vbert: " + message;
    }
    if (message.contains("failed to map segment")) {
      return "native libraries cannot be executed where they were extracted (a folder mounted noexec?);"
          + " name another folder with -Dorg.bytedeco.javacpp.cachedir=DIR: "
          + message;
    }
    String missing = CudaLibraries.explainMissing(message);
    if (missing != null) {
      return missing;
    }
    if (message.contains("already loaded in another classloader")) {
      return "another class loader of this process has loaded w2vbert; put its jars where both find"
          + " them, in the server's shared folder say: "
          + message;
    }
    return "w2vbert could not load its native libraries: " + message.replace("argument: ", "");
  }

  private static List<String> concat(List<String> first, List<String> second) {
    return java.util.stream.Stream.concat(first.stream(), second.stream()).toList();
  }
}
