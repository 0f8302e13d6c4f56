/** Wav2Vec2-BERT for the JVM. */
module io.github.w2vbert {
  requires com.fasterxml.jackson.databind;
  requires org.bytedeco.javacpp;
  requires static transitive org.bytedeco.pytorch;

  exports io.github.w2vbert;

  // JavaCPP reads annotations and fields of the generated classes; Jackson makes records.
  opens io.github.w2vbert.internal to
      org.bytedeco.javacpp;
  opens io.github.w2vbert to
      com.fasterxml.jackson.databind;
}
