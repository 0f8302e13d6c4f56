/**
 * Wav2Vec2-BERT: the conformer speech encoder w2v-BERT 2.0 and its heads, computed natively.
 *
 * <h2>Shapes and units</h2>
 *
 * Shapes are written {@code [batch, time, hidden]}. Audio is float32, about -1 to 1, at 16,000
 * samples per second. A mel frame lasts 25 ms and begins every 10 ms; <i>time</i> counts encoder
 * steps of 20 ms, or of 40 ms behind an adapter of stride 2. Computation is in float32.
 *
 * <h2>Ownership</h2>
 *
 * Whoever creates an object closes it: models, extractors, tensors, and the output records, which
 * close their tensors. Closing twice does nothing; using a closed object throws {@link
 * java.lang.IllegalStateException}; closing while another thread's call runs lets that call end.
 * What is forgotten is freed some time after the garbage collector finds it. {@link
 * io.github.w2vbert.W2vBert#liveObjects} counts what is not freed.
 *
 * <h2>Threads</h2>
 *
 * Models, extractors and tokenizers may be shared by any number of threads. A call computes on the
 * thread that makes it, together with threads of the library: {@code w2vbert.concurrency} calls at
 * a time (1 by default) share {@code w2vbert.threads} processors (all that the JVM sees by default,
 * which in a container is its share) equally, and further callers wait in line. Both are system
 * properties, read before the first call. With 1 every call ends as early as it can; as many as
 * there are processors get most done when many call. Neither number changes a bit of a result of
 * {@code encode}. An interrupt withdraws a call that still waits ({@link
 * java.util.concurrent.CancellationException}). A virtual thread that waits does not pin its
 * carrier; while it computes it does. Loading a model, small native calls and {@link
 * io.github.w2vbert.FbankStream} do not wait.
 *
 * <p>A model on a CUDA device computes as many calls at a time as it has sessions, whatever {@code
 * w2vbert.concurrency} says; see {@link io.github.w2vbert.DeviceOptions}, which has CUDA graphs, a
 * limit of memory and streams of the caller's, too.
 *
 * <p>A call needs 192 KiB of its thread's stack, one of {@link io.github.w2vbert.ModelTraining} 320
 * KiB, and throws {@link java.lang.IllegalStateException} if less is left.
 *
 * <h2>Training</h2>
 *
 * {@link io.github.w2vbert.ModelTraining} computes gradients and steps of AdamW, for loops of your
 * own; the package {@code io.github.w2vbert.training} has a trainer around it, from manifests of
 * recordings to a folder that can be opened. Models that are not in training never change.
 *
 * <h2>Native libraries</h2>
 *
 * They are loaded when first needed: from the folder that {@code w2vbert.library.path} names, else
 * from the jars that {@code io.github.w2vbert:w2vbert-platform} brings, by way of JavaCPP's cache
 * ({@code org.bytedeco.javacpp.cachedir}, by default {@code ~/.javacpp/cache}; 450 MB, written
 * once). On JDK 24 and later start the JVM with {@code
 * --enable-native-access=org.bytedeco.javacpp,io.github.w2vbert} (on the module path) or {@code
 * --enable-native-access=ALL-UNNAMED} (on the class path). On the module path add {@code
 * --add-modules ALL-MODULE-PATH}, since nothing requires the modules that hold native libraries,
 * nor the decoders of MP3 and Ogg ({@code jlayer,jorbis,concentus}).
 *
 * <p>With {@code io.github.w2vbert:w2vbert-platform-gpu} in place of {@code w2vbert-platform} they
 * include the CUDA plug-in and LibTorch for CUDA ({@code org.bytedeco:pytorch}, classifier {@code
 * linux-x86_64-gpu}), which then is the only one that is loaded, on machines without a GPU too: it
 * needs {@code libcudart.so.13} and {@code libcupti.so.13} everywhere. The plug-in and {@code
 * libtorch_cuda.so} are extracted (another 1 GB) and opened only where an NVIDIA driver is found
 * that serves them. Each of NVIDIA's libraries that they need is looked for by itself: in the
 * folders that {@code w2vbert.cuda.path} names, separated by colons; on the class path, where
 * {@code org.bytedeco:cuda-redist} brings CUDA's runtime, CUPTI, cuFFT, cuRAND and cuFile, but not
 * cuBLAS, cuSPARSE, NCCL and cuDNN; in the folders of {@code LD_LIBRARY_PATH} and in {@code
 * /usr/local/cuda/lib64}; and last where the dynamic linker looks. {@link
 * io.github.w2vbert.W2vBert#cudaLibraries} tells what comes from where, {@link
 * io.github.w2vbert.W2vBert#cudaProblem} why CUDA cannot be used. With {@code w2vbert.library.path}
 * the plug-in and {@code libtorch_cuda.so} lie in the folders named, and the run path of that
 * LibTorch finds NVIDIA's libraries. {@link io.github.w2vbert.cuda} is for callers with streams and
 * buffers of their own.
 *
 * <p>{@link io.github.w2vbert.DefaultModel} comes from a jar by the same way.
 *
 * <p>Loading sets three process-wide defaults unless you have set them: {@code GOMP_SPINCOUNT} and
 * {@code OPENBLAS_THREAD_TIMEOUT}, so that idle threads do not hold up working ones, and {@code
 * org.bytedeco.javacpp.maxphysicalbytes}, since mapped weights would otherwise count against a
 * limit that JavaCPP derives from the Java heap.
 *
 * <p>Weights are mapped into memory, not read: a model file must not be shortened or overwritten in
 * place while a model that was loaded from it is open (replacing it under the same name is fine),
 * unless it was loaded with {@link io.github.w2vbert.LoadOptions#withCopiedWeights}.
 *
 * <h2>Errors</h2>
 *
 * A caller's mistake is an {@link java.lang.IllegalArgumentException} or {@link
 * java.lang.IllegalStateException}; any other failure a {@link io.github.w2vbert.W2vBertException}.
 */
package io.github.w2vbert;
