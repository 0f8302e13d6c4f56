package io.github.w2vbert.decoding;

import io.github.w2vbert.decoding.PrefixScorer.Standing;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * The search in one utterance. Prefixes are nodes of a trie; an "end" is a prefix whose last frame
 * is a blank or its last token. For one thread, once.
 */
final class BeamSearch {
  private static final double IMPOSSIBLE = Double.NEGATIVE_INFINITY;
  private static final int NONE = -1;

  // What a candidate does to the prefix that it comes from.
  private static final byte BLANK = 0; // a blank follows
  private static final byte STAY = 1; // its last token goes on, or its parent became it
  private static final byte EXTEND = 2; // it gets a token, and becomes a prefix not in the beam

  private final TokenTexts texts;
  private final BeamOptions options;
  private final PrefixScorer scorer;
  private final LogProbabilities scores;
  private final int blank;

  // Prefixes, by node. What of `Standing` depends on the prefix only, and where it is in the beam.
  private Trie prefixes = new Trie();
  private int[] state = new int[64];
  private int[] word = new int[64];
  private int[] hot = new int[64];
  private double[] settled = new double[64];
  private double[] worth = new double[64];
  private int[] place = new int[64];

  // Runs: the frames that emit a token, on the best path to some prefix.
  private int[] previousRun = new int[64]; // of the token before, or NONE
  private int[] runStart = new int[64];
  private int[] runEnd = new int[64];
  private int runs;

  private final int compaction; // how many prefixes or runs there are before the dead are dropped
  private int nextCompaction;

  private Beam beam;
  private Beam next;

  // The tokens of the frame that are tried, best first.
  private final long[] tokenKeys;
  private int tokenCount;
  private final int[] triedIn; // by token: the frame in which it was tried last
  private final long[] childOf; // by token: the visit whose prefix had it as a child in the beam
  private long visits;

  // Candidates: a heap of the best `beamWidth`, the worst on top.
  private final int[] heap;
  private int heapSize;
  private final double[] candidateScore;
  private final double[] candidateAcoustic;
  private final float[] candidateEmission;
  private final int[] candidateToken;
  private final int[] candidatePlace;
  private final byte[] candidateKind;
  private double best;
  private double floor;

  private final Standing standing = new Standing();

  /** The prefixes of a frame with the log-probabilities of their two ends. */
  private static final class Beam {
    int size;
    final int[] node;
    final double[] afterBlank;
    final double[] afterToken;
    final double[] either;

    // The best single path to each end: log-probability, and the runs of its tokens. The last run
    // is in the beam, as it may go on; after a token it ends with the frame.
    final double[] blankPath;
    final int[] blankPrevious;
    final int[] blankStart;
    final int[] blankEnd;
    final double[] tokenPath;
    final int[] tokenPrevious;
    final int[] tokenStart;

    // While the next frame is made from this one.
    final int[] token; // the last one, or NONE
    final int[] parent; // its place, or NONE
    final int[] firstChild; // a place, or NONE
    final int[] sibling;
    final int[] blankRun; // the last run once it is needed, or NONE
    final int[] tokenRun;
    final int[] nextPlace; // in the next frame, or NONE
    final boolean[] fromParent; // whether the best path to STAY comes from the parent

    Beam(int width) {
      node = new int[width];
      afterBlank = new double[width];
      afterToken = new double[width];
      either = new double[width];
      blankPath = new double[width];
      blankPrevious = new int[width];
      blankStart = new int[width];
      blankEnd = new int[width];
      tokenPath = new double[width];
      tokenPrevious = new int[width];
      tokenStart = new int[width];
      token = new int[width];
      parent = new int[width];
      firstChild = new int[width];
      sibling = new int[width];
      blankRun = new int[width];
      tokenRun = new int[width];
      nextPlace = new int[width];
      fromParent = new boolean[width];
    }

    /** Adds a prefix that has no end yet. */
    int add(int prefix) {
      node[size] = prefix;
      afterBlank[size] = IMPOSSIBLE;
      afterToken[size] = IMPOSSIBLE;
      blankPath[size] = IMPOSSIBLE;
      tokenPath[size] = IMPOSSIBLE;
      blankRun[size] = NONE;
      tokenRun[size] = NONE;
      nextPlace[size] = NONE;
      return size++;
    }
  }

  /**
   * @param scores of the vocabulary of {@code texts}, something possible in every frame
   * @param compaction how many prefixes to remember before those that no end needs are dropped
   */
  BeamSearch(
      TokenTexts texts,
      BeamOptions options,
      PrefixScorer scorer,
      LogProbabilities scores,
      int compaction) {
    this.texts = texts;
    this.options = options;
    this.scorer = scorer;
    this.scores = scores;
    this.compaction = compaction;
    nextCompaction = compaction;
    blank = texts.blank();
    int width = options.beamWidth();
    beam = new Beam(width);
    next = new Beam(width);
    tokenKeys = new long[texts.size()];
    triedIn = new int[texts.size()];
    Arrays.fill(triedIn, NONE);
    childOf = new long[texts.size()];
    heap = new int[width];
    candidateScore = new double[width];
    candidateAcoustic = new double[width];
    candidateEmission = new float[width];
    candidateToken = new int[width];
    candidatePlace = new int[width];
    candidateKind = new byte[width];
  }

  /** The best hypotheses, best first. */
  List<Hypothesis> run() {
    scorer.begin(standing);
    store(Trie.ROOT);
    place[Trie.ROOT] = beam.add(Trie.ROOT);
    beam.afterBlank[0] = 0;
    beam.blankPath[0] = 0;
    beam.blankPrevious[0] = NONE;
    for (int frame = 0; frame < scores.time(); frame++) {
      selectTokens(frame);
      relate();
      heapSize = 0;
      best = IMPOSSIBLE;
      floor = IMPOSSIBLE;
      for (int at = 0; at < beam.size; at++) {
        propose(at, frame);
      }
      advance(frame);
      if (Math.max(prefixes.size(), runs) > nextCompaction) {
        dropPrefixes();
        dropRuns();
        nextCompaction = Math.max(compaction, 2 * Math.max(prefixes.size(), runs));
      }
    }
    return hypotheses();
  }

  /** Of equally probable tokens the first is better, as in the best path. */
  private void selectTokens(int frame) {
    float[] values = scores.values();
    int row = frame * texts.size();
    float largest = Float.NEGATIVE_INFINITY;
    for (int token = 0; token < texts.size(); token++) {
      largest = Math.max(largest, values[row + token]);
    }
    double least = largest - options.tokenThreshold();
    tokenCount = 0;
    for (int token = 0; token < texts.size(); token++) {
      float value = values[row + token] + 0f; // no -0, which sorts below 0
      if (value >= least && value > Float.NEGATIVE_INFINITY) {
        int bits = Float.floatToRawIntBits(value);
        int ascending = bits < 0 ? bits ^ Integer.MAX_VALUE : bits;
        tokenKeys[tokenCount++] = (long) ~ascending << 32 | token;
      }
    }
    Arrays.sort(tokenKeys, 0, tokenCount);
    tokenCount = Math.min(tokenCount, options.maxTokensPerFrame());
    for (int i = 0; i < tokenCount; i++) {
      triedIn[(int) tokenKeys[i]] = frame;
    }
  }

  /** Finds out which prefixes of the beam are children of others. */
  private void relate() {
    for (int at = 0; at < beam.size; at++) {
      beam.firstChild[at] = NONE;
      beam.either[at] = logAdd(beam.afterBlank[at], beam.afterToken[at]);
    }
    for (int at = 0; at < beam.size; at++) {
      int node = beam.node[at];
      boolean root = node == Trie.ROOT;
      beam.token[at] = root ? NONE : prefixes.symbol(node);
      int parent = root ? NONE : place[prefixes.parent(node)];
      beam.parent[at] = parent;
      if (parent != NONE) {
        beam.sibling[at] = beam.firstChild[parent];
        beam.firstChild[parent] = at;
      }
    }
  }

  /** Offers everything that a prefix may become. */
  private void propose(int at, int frame) {
    float[] values = scores.values();
    int row = frame * texts.size();
    double worthHere = worth[beam.node[at]];
    double either = beam.either[at];
    int last = beam.token[at];
    if (triedIn[blank] == frame) {
      float emission = values[row + blank];
      offer(BLANK, at, blank, emission, either + emission, worthHere);
    }
    if (last != NONE && triedIn[last] == frame) {
      float emission = values[row + last];
      int parent = beam.parent[at];
      double sum = beam.afterToken[at];
      double path = beam.tokenPath[at];
      beam.fromParent[at] = false;
      if (parent != NONE) {
        boolean doubled = last == beam.token[parent]; // such tokens need a blank between them
        sum = logAdd(sum, doubled ? beam.afterBlank[parent] : beam.either[parent]);
        beam.fromParent[at] = pathInto(parent, last) > path;
      }
      if (sum > IMPOSSIBLE) {
        offer(STAY, at, last, emission, sum + emission, worthHere);
      }
    }
    double bound = worthHere + scorer.largestGain(hot[beam.node[at]]);
    visits++;
    for (int child = beam.firstChild[at]; child != NONE; child = beam.sibling[child]) {
      childOf[beam.token[child]] = visits;
    }
    for (int i = 0; i < tokenCount; i++) {
      int token = (int) tokenKeys[i];
      float emission = values[row + token];
      if (either + emission + bound < floor) {
        return; // as will all that follow, which are less probable
      }
      double from = token == last ? beam.afterBlank[at] : either;
      if (token == blank || childOf[token] == visits || from == IMPOSSIBLE) {
        continue;
      }
      double worthThere = 0;
      if (!scorer.isNeutral()) {
        append(at, token);
        worthThere = scorer.worth(standing);
      }
      offer(EXTEND, at, token, emission, from + emission, worthThere);
    }
  }

  /** The log-probability of the best path from which a prefix may get a token. */
  private double pathInto(int at, int token) {
    return token == beam.token[at]
        ? beam.blankPath[at]
        : Math.max(beam.blankPath[at], beam.tokenPath[at]);
  }

  /**
   * Puts what a prefix of the beam is with another token into {@code standing}, but for its single
   * scores, which only hypotheses show.
   */
  private void append(int at, int token) {
    int node = beam.node[at];
    standing.state = state[node];
    standing.word = word[node];
    standing.hot = hot[node];
    standing.settled = settled[node];
    scorer.append(token, standing);
  }

  private void offer(
      byte kind, int at, int token, float emission, double acoustic, double worthThere) {
    double score = acoustic + worthThere;
    if (score < floor) {
      return;
    }
    int candidate = heapSize < heap.length ? heapSize : heap[0];
    if (heapSize == heap.length && !isBetter(score, emission, token, at, kind, candidate)) {
      return;
    }
    candidateScore[candidate] = score;
    candidateAcoustic[candidate] = acoustic;
    candidateEmission[candidate] = emission;
    candidateToken[candidate] = token;
    candidatePlace[candidate] = at;
    candidateKind[candidate] = kind;
    if (heapSize < heap.length) {
      int hole = heapSize++;
      while (hole > 0 && isBetter(heap[(hole - 1) / 2], candidate)) {
        heap[hole] = heap[(hole - 1) / 2];
        hole = (hole - 1) / 2;
      }
      heap[hole] = candidate;
    } else {
      sink(candidate);
    }
    best = Math.max(best, score);
    floor = best - options.beamThreshold();
    if (heapSize == heap.length) {
      floor = Math.max(floor, candidateScore[heap[0]]);
    }
  }

  /** Puts a candidate in place of the worst. */
  private void sink(int candidate) {
    int hole = 0;
    while (true) {
      int child = 2 * hole + 1;
      if (child >= heapSize) {
        break;
      }
      if (child + 1 < heapSize && isBetter(heap[child], heap[child + 1])) {
        child++;
      }
      if (!isBetter(candidate, heap[child])) {
        break;
      }
      heap[hole] = heap[child];
      hole = child;
    }
    heap[hole] = candidate;
  }

  private boolean isBetter(int candidate, int other) {
    return isBetter(
        candidateScore[candidate],
        candidateEmission[candidate],
        candidateToken[candidate],
        candidatePlace[candidate],
        candidateKind[candidate],
        other);
  }

  /**
   * A total order. Of equal scores the one with the more probable token of the frame is better,
   * then the first token: so a beam of width 1 follows the best path, also where sums round to
   * equal ones.
   */
  private boolean isBetter(double score, float emission, int token, int at, byte kind, int other) {
    if (score != candidateScore[other]) {
      return score > candidateScore[other];
    }
    if (emission != candidateEmission[other]) {
      return emission > candidateEmission[other];
    }
    if (token != candidateToken[other]) {
      return token < candidateToken[other];
    }
    return at != candidatePlace[other] ? at < candidatePlace[other] : kind < candidateKind[other];
  }

  /** Makes the next frame's beam of the candidates, best first. */
  private void advance(int frame) {
    int count = heapSize;
    while (heapSize > 1) { // a heap sort: the worst goes behind the others
      int worst = heap[0];
      int candidate = heap[--heapSize];
      sink(candidate);
      heap[heapSize] = worst;
    }
    for (int at = 0; at < beam.size; at++) {
      place[beam.node[at]] = NONE;
    }
    next.size = 0;
    for (int i = 0; i < count; i++) {
      int candidate = heap[i];
      if (candidateScore[candidate] < best - options.beamThreshold()) {
        break;
      }
      keep(candidate, frame);
    }
    for (int at = 0; at < next.size; at++) {
      place[next.node[at]] = at;
    }
    Beam swapped = beam;
    beam = next;
    next = swapped;
  }

  private void keep(int candidate, int frame) {
    int from = candidatePlace[candidate];
    int token = candidateToken[candidate];
    float emission = candidateEmission[candidate];
    int to;
    if (candidateKind[candidate] == EXTEND) {
      to = next.add(extended(from, token));
    } else {
      if (beam.nextPlace[from] == NONE) {
        beam.nextPlace[from] = next.add(beam.node[from]);
      }
      to = beam.nextPlace[from];
    }
    if (candidateKind[candidate] == BLANK) {
      next.afterBlank[to] = candidateAcoustic[candidate];
      boolean wasBlank = beam.blankPath[from] >= beam.tokenPath[from];
      next.blankPath[to] = emission + (wasBlank ? beam.blankPath[from] : beam.tokenPath[from]);
      next.blankPrevious[to] = wasBlank ? beam.blankPrevious[from] : beam.tokenPrevious[from];
      next.blankStart[to] = wasBlank ? beam.blankStart[from] : beam.tokenStart[from];
      next.blankEnd[to] = wasBlank ? beam.blankEnd[from] : frame;
      return;
    }
    next.afterToken[to] = candidateAcoustic[candidate];
    if (candidateKind[candidate] == STAY && !beam.fromParent[from]) {
      next.tokenPath[to] = emission + beam.tokenPath[from];
      next.tokenPrevious[to] = beam.tokenPrevious[from];
      next.tokenStart[to] = beam.tokenStart[from];
      return;
    }
    int before = candidateKind[candidate] == STAY ? beam.parent[from] : from;
    double path = pathInto(before, token);
    next.tokenPath[to] = emission + path;
    next.tokenPrevious[to] = run(before, path == beam.blankPath[before], frame);
    next.tokenStart[to] = frame;
  }

  /** The node of a prefix of the beam with another token. */
  private int extended(int at, int token) {
    int size = prefixes.size();
    int node = prefixes.addChild(beam.node[at], token);
    if (node == size) {
      append(at, token);
      store(node);
    }
    return node;
  }

  /** Remembers {@code standing} as that of a new prefix. */
  private void store(int node) {
    if (node == state.length) {
      state = Arrays.copyOf(state, 2 * node);
      word = Arrays.copyOf(word, 2 * node);
      hot = Arrays.copyOf(hot, 2 * node);
      settled = Arrays.copyOf(settled, 2 * node);
      worth = Arrays.copyOf(worth, 2 * node);
      place = Arrays.copyOf(place, 2 * node);
    }
    state[node] = standing.state;
    word[node] = standing.word;
    hot[node] = standing.hot;
    settled[node] = standing.settled;
    worth[node] = scorer.worth(standing);
    place[node] = NONE;
  }

  /** The last run of a prefix of the beam, made once it is followed by another; NONE if empty. */
  private int run(int at, boolean afterBlank, int frame) {
    if (beam.node[at] == Trie.ROOT) {
      return NONE;
    }
    int[] made = afterBlank ? beam.blankRun : beam.tokenRun;
    if (made[at] == NONE) {
      if (runs == runStart.length) {
        previousRun = Arrays.copyOf(previousRun, 2 * runs);
        runStart = Arrays.copyOf(runStart, 2 * runs);
        runEnd = Arrays.copyOf(runEnd, 2 * runs);
      }
      previousRun[runs] = afterBlank ? beam.blankPrevious[at] : beam.tokenPrevious[at];
      runStart[runs] = afterBlank ? beam.blankStart[at] : beam.tokenStart[at];
      runEnd[runs] = afterBlank ? beam.blankEnd[at] : frame;
      made[at] = runs++;
    }
    return made[at];
  }

  /** Drops the prefixes that nothing in the beam begins with. */
  private void dropPrefixes() {
    boolean[] alive = new boolean[prefixes.size()];
    for (int at = 0; at < beam.size; at++) {
      for (int node = beam.node[at]; !alive[node]; node = prefixes.parent(node)) {
        alive[node] = true; // the root's parent is the root
      }
    }
    alive[Trie.ROOT] = true;
    Trie kept = new Trie();
    int[] moved = new int[prefixes.size()];
    for (int node = 1; node < alive.length; node++) {
      if (!alive[node]) {
        continue;
      }
      int to = kept.addChild(moved[prefixes.parent(node)], prefixes.symbol(node));
      moved[node] = to;
      state[to] = state[node];
      word[to] = word[node];
      hot[to] = hot[node];
      settled[to] = settled[node];
      worth[to] = worth[node];
      place[to] = place[node];
    }
    for (int at = 0; at < beam.size; at++) {
      beam.node[at] = moved[beam.node[at]];
    }
    prefixes = kept;
  }

  /** Drops the runs that no path in the beam has. */
  private void dropRuns() {
    boolean[] alive = new boolean[runs];
    for (int at = 0; at < beam.size; at++) {
      if (beam.blankPath[at] > IMPOSSIBLE) {
        markRuns(beam.blankPrevious[at], alive);
      }
      if (beam.tokenPath[at] > IMPOSSIBLE) {
        markRuns(beam.tokenPrevious[at], alive);
      }
    }
    int[] moved = new int[runs];
    int count = 0;
    for (int run = 0; run < alive.length; run++) {
      if (alive[run]) {
        previousRun[count] = previousRun[run] == NONE ? NONE : moved[previousRun[run]];
        runStart[count] = runStart[run];
        runEnd[count] = runEnd[run];
        moved[run] = count++;
      }
    }
    runs = count;
    for (int at = 0; at < beam.size; at++) {
      if (beam.blankPath[at] > IMPOSSIBLE && beam.blankPrevious[at] != NONE) {
        beam.blankPrevious[at] = moved[beam.blankPrevious[at]];
      }
      if (beam.tokenPath[at] > IMPOSSIBLE && beam.tokenPrevious[at] != NONE) {
        beam.tokenPrevious[at] = moved[beam.tokenPrevious[at]];
      }
    }
  }

  private void markRuns(int last, boolean[] alive) {
    for (int run = last; run != NONE && !alive[run]; run = previousRun[run]) {
      alive[run] = true;
    }
  }

  private List<Hypothesis> hypotheses() {
    double[] total = new double[beam.size];
    List<Integer> places = new ArrayList<>();
    for (int at = 0; at < beam.size; at++) {
      int node = beam.node[at];
      standing.state = state[node];
      standing.word = word[node];
      standing.hot = hot[node];
      standing.settled = settled[node];
      scorer.end(standing);
      beam.either[at] = logAdd(beam.afterBlank[at], beam.afterToken[at]);
      total[at] = beam.either[at] + standing.settled;
      places.add(at);
    }
    places.sort(Comparator.comparingDouble(at -> -total[at])); // stable
    return places.stream().limit(options.nBest()).map(at -> hypothesis(at, total[at])).toList();
  }

  private Hypothesis hypothesis(int at, double total) {
    int count = 0;
    for (int node = beam.node[at]; node != Trie.ROOT; node = prefixes.parent(node)) {
      count++;
    }
    int[] ids = new int[count];
    int[] starts = new int[count];
    int[] ends = new int[count];
    int run = run(at, beam.blankPath[at] >= beam.tokenPath[at], scores.time());
    int node = beam.node[at];
    for (int i = count - 1; i >= 0; i--) {
      ids[i] = prefixes.symbol(node);
      node = prefixes.parent(node);
      starts[i] = runStart[run];
      ends[i] = runEnd[run];
      run = previousRun[run];
    }
    scorer.begin(standing);
    for (int id : ids) {
      scorer.append(id, standing);
    }
    scorer.end(standing);
    return texts.hypothesis(
        total, beam.either[at], standing.language, standing.hotWords, ids, starts, ends, scores);
  }

  /** {@code log(exp(a) + exp(b))}. */
  private static double logAdd(double a, double b) {
    double larger = Math.max(a, b);
    double difference = Math.min(a, b) - larger;
    // Beyond, the sum rounds to the larger; both may be impossible, and the difference no number.
    return difference > -40 ? larger + Math.log1p(Math.exp(difference)) : larger;
  }
}
