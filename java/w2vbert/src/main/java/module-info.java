/** Wav2Vec2-BERT for the JVM. */
@SuppressWarnings("requires-automatic") // the decoders of MP3 and Ogg, where present, have no names
module io.github.w2vbert {
  requires com.fasterxml.jackson.databind;
  requires java.net.http;
  requires org.bytedeco.javacpp;
  requires static transitive org.bytedeco.pytorch;
  requires static org.bytedeco.cuda;
  requires static concentus;
  requires static jlayer;
  requires static jorbis;

  exports io.github.w2vbert;
  exports io.github.w2vbert.cuda;
  exports io.github.w2vbert.decoding;
  exports io.github.w2vbert.hub;
  exports io.github.w2vbert.training;
  exports io.github.w2vbert.transcript;

  // JavaCPP reads annotations and fields of the generated classes; Jackson makes records.
  opens io.github.w2vbert.internal to
      org.bytedeco.javacpp;
  opens io.github.w2vbert to
      com.fasterxml.jackson.databind;
  opens io.github.w2vbert.training to
      com.fasterxml.jackson.databind;
}
