package io.github.w2vbert.internal;

import io.github.w2vbert.W2vBertException;
import java.io.File;
import java.io.IOException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * NVIDIA's libraries that LibTorch of the class path needs. Each is looked for by itself:
 *
 * <ol>
 *   <li>in the folders that {@value #PATH_PROPERTY} names;
 *   <li>on the class path, where {@code org.bytedeco:cuda-redist} puts those that it has;
 *   <li>in the folders of {@code LD_LIBRARY_PATH} and in {@code /usr/local/cuda/lib64};
 *   <li>where the dynamic linker looks.
 * </ol>
 *
 * <p>What is found in the first three is loaded by its path before anything that needs it: a
 * library that is in the process is not searched for.
 */
final class CudaLibraries {
  /** Folders with CUDA's libraries, separated by colons. */
  static final String PATH_PROPERTY = "w2vbert.cuda.path";

  /**
   * A library, and those that must come from the same place because their versions belong together.
   */
  record Library(String name, List<String> companions) {
    Library(String name, String... companions) {
      this(name, List.of(companions));
    }
  }

  static final Library RUNTIME = new Library("libcudart.so.13");

  /** What {@code libtorch_cpu.so} needs in a LibTorch for CUDA. */
  static final List<Library> OF_LIBTORCH = List.of(RUNTIME, new Library("libcupti.so.13"));

  /** What {@code libtorch_cuda.so} needs besides. */
  static final List<Library> OF_LIBTORCH_CUDA =
      List.of(
          new Library("libcublas.so.13", "libcublasLt.so.13"),
          new Library("libcusparse.so.12", "libnvJitLink.so.13"),
          new Library("libcufft.so.12"),
          new Library("libcurand.so.10"),
          new Library("libcufile.so.0"),
          new Library("libnccl.so.2"),
          new Library("libcudnn.so.9"));

  private static final String RESOURCES = "org/bytedeco/cuda/" + NativeLibrary.PLATFORM + "/";
  private static final Path INSTALLED = Path.of("/usr/local/cuda/lib64");
  private static final Pattern MISSING =
      Pattern.compile("(lib(?:cu|nccl|nvJitLink)[^ /:]*): cannot open shared object file");

  /** Where libraries are. */
  private interface Place {
    /** Whether this has a library. */
    boolean has(String library);

    /** The file of a library that this has. */
    Path file(String library) throws IOException;

    /** For diagnosis. */
    String describe(String library);
  }

  private record Folder(Path path) implements Place {
    @Override
    public boolean has(String library) {
      return Files.isRegularFile(path.resolve(library));
    }

    @Override
    public Path file(String library) {
      return path.resolve(library).toAbsolutePath();
    }

    @Override
    public String describe(String library) {
      return path.toString();
    }
  }

  private record ClassPath(ClassLoader loader) implements Place {
    private URL resource(String library) {
      return loader.getResource(RESOURCES + library);
    }

    @Override
    public boolean has(String library) {
      return resource(library) != null;
    }

    @Override
    public Path file(String library) throws IOException {
      return NativeLibrary.extract(resource(library));
    }

    @Override
    public String describe(String library) {
      return CudaLibraries.describe(resource(library));
    }
  }

  private final List<Place> places = new ArrayList<>();

  /**
   * The places of this process.
   *
   * @throws W2vBertException if the property names something that is no folder
   */
  CudaLibraries() {
    this(
        named(System.getProperty(PATH_PROPERTY)),
        CudaLibraries.class.getClassLoader(),
        installed(System.getenv("LD_LIBRARY_PATH")));
  }

  CudaLibraries(List<Path> named, ClassLoader classPath, List<Path> installed) {
    named.forEach(folder -> places.add(new Folder(folder)));
    places.add(new ClassPath(classPath));
    installed.forEach(folder -> places.add(new Folder(folder)));
  }

  /**
   * Loads what is found of these libraries; the rest is left to the dynamic linker.
   *
   * @throws UnsatisfiedLinkError if one cannot be loaded
   */
  void load(List<Library> libraries) throws IOException {
    for (Library library : libraries) {
      for (Path file : files(library)) {
        System.load(file.toString());
      }
    }
  }

  /** The files to load for a library, in this order; none if it is left to the dynamic linker. */
  List<Path> files(Library library) throws IOException {
    List<Path> files = new ArrayList<>();
    Place place = find(library.name());
    if (place != null) {
      for (String companion : library.companions()) {
        if (place.has(companion)) {
          files.add(place.file(companion));
        }
      }
      files.add(place.file(library.name()));
    }
    return files;
  }

  /** By its name, where each library would be loaded from. */
  Map<String, String> describe() {
    Map<String, String> described = new LinkedHashMap<>();
    for (List<Library> libraries : List.of(OF_LIBTORCH, OF_LIBTORCH_CUDA)) {
      for (Library library : libraries) {
        Place place = find(library.name());
        described.put(
            library.name(),
            place == null ? "left to the dynamic linker" : place.describe(library.name()));
      }
    }
    return described;
  }

  /** The jar or folder of a resource, which may be missing. */
  static String describe(URL resource) {
    if (resource == null) {
      return "missing";
    }
    String path = resource.getPath();
    int jarEnd = path.indexOf("!/");
    return (jarEnd < 0 ? path.substring(0, path.lastIndexOf('/')) : path.substring(0, jarEnd))
        .replaceFirst("^file:", "");
  }

  /** What to do if the dynamic linker says that one of NVIDIA's libraries is missing, or null. */
  static String explainMissing(String message) {
    Matcher missing = MISSING.matcher(message);
    return missing.find()
        ? "CUDA's "
            + missing.group(1)
            + " was not found: install CUDA 13 with cuDNN 9 and NCCL 2, or name the folders that"
            + " hold its libraries with -D"
            + PATH_PROPERTY
            + "=DIR:DIR"
        : null;
  }

  private Place find(String library) {
    return places.stream().filter(place -> place.has(library)).findFirst().orElse(null);
  }

  private static List<Path> named(String list) {
    List<Path> folders = folders(list);
    for (Path folder : folders) {
      if (!Files.isDirectory(folder)) {
        throw new W2vBertException(PATH_PROPERTY + " names " + folder + ", which is no folder");
      }
    }
    return folders;
  }

  private static List<Path> installed(String list) {
    List<Path> folders = new ArrayList<>(folders(list));
    folders.add(INSTALLED);
    return folders;
  }

  private static List<Path> folders(String list) {
    List<Path> folders = new ArrayList<>();
    for (String folder : (list == null ? "" : list).split(File.pathSeparator)) {
      if (!folder.isEmpty()) {
        folders.add(Path.of(folder));
      }
    }
    return folders;
  }
}
