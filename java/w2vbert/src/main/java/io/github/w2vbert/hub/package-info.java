/**
 * Downloads from the Hugging Face hub into the hub's own cache, which is shared with Python: what
 * one side has downloaded, the other finds.
 *
 * <pre>{@code
 * Path folder = new HubClient().snapshot("org/name");
 * Wav2Vec2BertForCTC model = Wav2Vec2BertForCTC.fromPretrained(folder);
 * }</pre>
 *
 * <h2>Settings</h2>
 *
 * {@link io.github.w2vbert.hub.HubOptions#fromEnvironment()} reads the variables that Python reads:
 *
 * <ul>
 *   <li>{@code HF_HUB_CACHE} (or the older {@code HUGGINGFACE_HUB_CACHE}), else {@code
 *       $HF_HOME/hub}; {@code HF_HOME} is by default {@code $XDG_CACHE_HOME/huggingface} or {@code
 *       ~/.cache/huggingface};
 *   <li>{@code HF_TOKEN}, else the file {@code HF_TOKEN_PATH}, else {@code $HF_HOME/token}; not
 *       with {@code HF_HUB_DISABLE_IMPLICIT_TOKEN}. The token is sent to the endpoint only, never
 *       to a host that it redirects to;
 *   <li>{@code HF_ENDPOINT}, a mirror; {@code HF_HUB_OFFLINE} or {@code TRANSFORMERS_OFFLINE}, no
 *       network; {@code HF_HUB_ETAG_TIMEOUT} and {@code HF_HUB_DOWNLOAD_TIMEOUT}, in seconds.
 * </ul>
 *
 * The system properties {@code w2vbert.hub.endpoint}, {@code w2vbert.hub.cache} and {@code
 * w2vbert.hub.offline} come before {@code HF_ENDPOINT}, {@code HF_HUB_CACHE} and {@code
 * HF_HUB_OFFLINE}. A proxy is set with the JVM's properties ({@code https.proxyHost}).
 *
 * <h2>Other processes</h2>
 *
 * Files appear under their final names complete and verified, or not at all. Lock files keep Java
 * processes from downloading a file twice. Python locks the same files by {@code flock}, which on
 * Linux does not meet Java's locks: both may then download one file at once. Neither touches what
 * the other has not finished, since the names differ ({@code ETAG.w2vbert.incomplete} is Java's,
 * {@code ETAG.incomplete} Python's); nor does either continue it.
 */
package io.github.w2vbert.hub;
