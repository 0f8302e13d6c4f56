package io.github.w2vbert.internal;

import org.bytedeco.javacpp.annotation.Platform;
import org.bytedeco.javacpp.annotation.Properties;
import org.bytedeco.javacpp.tools.Info;
import org.bytedeco.javacpp.tools.InfoMap;
import org.bytedeco.javacpp.tools.InfoMapper;

/** Tells JavaCPP how to map {@code jni/bindings.h}. Not final: the generated class extends it. */
@Properties(
    value =
        @Platform(
            value = "linux-x86_64",
            compiler = "cpp17",
            define = {"SHARED_PTR_NAMESPACE std", "STRING_BYTES_CHARSET \"UTF-8\""},
            include = "w2vbert/jni/bindings.h",
            link = "w2vbert"),
    target = "io.github.w2vbert.internal",
    global = "io.github.w2vbert.internal.Native")
public class W2vBertMapper implements InfoMapper {
  @Override
  public void map(InfoMap infoMap) {
    infoMap.put(new Info("W2VBERT_API").cppTypes().annotations());
    infoMap.put(new Info("AtenTensorOpaque").pointerTypes("TensorHandle"));
    infoMap.put(new Info("std::string").annotations("@StdString").valueTypes("String"));
    for (String type :
        new String[] {
          "NativeTensor",
          "NativeModel",
          "NativeModelOutput",
          "NativeTraining",
          "NativeFeatures",
          "NativeFeatureExtractor",
          "NativeFbankStream"
        }) {
      infoMap.put(
          new Info("std::shared_ptr<w2vbert::jni::" + type + ">")
              .annotations("@SharedPtr")
              .pointerTypes(type));
      infoMap.put(new Info("w2vbert::jni::" + type).purify()); // made by its factory functions only
      infoMap.put(new Info("w2vbert::jni::" + type + "::Impl").skip());
      infoMap.put(new Info("w2vbert::jni::" + type + "::impl").skip());
    }
  }
}
