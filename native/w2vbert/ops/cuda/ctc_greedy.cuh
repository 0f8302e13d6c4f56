// From logits to the tokens of the best path (Graves et al. 2006): log-softmax with the most
// probable token of every frame, then equal neighbours melted and blanks dropped, per utterance.
#pragma once

#include "w2vbert/ops/cuda/device.cuh"

namespace w2vbert::cuda {

// All arrays are contiguous. What is nullptr is not written.
template <typename T>
struct LogSoftmaxParams {
  const T* logits;  // [rows, tokens]
  int64_t rows;
  int64_t tokens;            // >= 1
  float* log_probabilities;  // [rows, tokens]
  int32_t* best;  // [rows] the most probable token, the first of equal ones; the first NaN if any
  float* best_log_probability;  // [rows]
};

struct CtcCollapseParams {
  const int32_t* best;                // [total_time]
  const float* best_log_probability;  // [total_time]
  const int64_t* offsets;             // [utterances + 1], rising from 0 to total_time
  int64_t utterances;
  int64_t total_time;
  int32_t blank;
  // Of utterance u, from offsets[u] on: counts[u] of them.
  int32_t* tokens;  // [total_time]
  int32_t* starts;  // [total_time] the token's first frame, counted from the utterance's first
  int32_t* ends;    // [total_time] the frame after its last
  int32_t* counts;  // [utterances]
  double* scores;   // [utterances] the sum of the best path's log-probabilities
};

namespace ctc_greedy_kernel {

constexpr int kRowWarps = 4;           // rows of a block of the softmax, one per warp
constexpr int kCollapseThreads = 256;  // frames per turn of an utterance's block
constexpr int kCollapseWarps = kCollapseThreads / kWarp;

// The largest of some logits, its token, and the sum of exp(logit - largest).
struct Softmax {
  float largest;
  int32_t token;  // -1: there are none
  float sum;
};

// NaN is larger than all else.
W2VBERT_DEVICE bool larger(float a, float b) { return a > b || (a != a && b == b); }

// exp(x - largest), 0 if x is the logarithm of zero, even where all are.
W2VBERT_DEVICE float share(float x, float largest) {
  return x == -INFINITY ? 0.0f : expf(x - largest);
}

W2VBERT_DEVICE void add(Softmax& softmax, float logit, int32_t token) {
  if (softmax.token < 0 || larger(logit, softmax.largest)) {
    softmax.sum = softmax.token < 0 ? 0.0f : softmax.sum * share(softmax.largest, logit);
    softmax.largest = logit;
    softmax.token = token;
  }
  softmax.sum += share(logit, softmax.largest);
}

W2VBERT_DEVICE Softmax merge(const Softmax& a, const Softmax& b) {
  if (b.token < 0) return a;
  if (a.token < 0) return b;
  const bool first =
      larger(a.largest, b.largest) || (!larger(b.largest, a.largest) && a.token < b.token);
  const Softmax& top = first ? a : b;
  const Softmax& other = first ? b : a;
  return {top.largest, top.token, top.sum + other.sum * share(other.largest, top.largest)};
}

// Grid: groups of kRowWarps rows.
template <typename T>
__global__ void __launch_bounds__(kRowWarps* kWarp) softmax_rows(LogSoftmaxParams<T> p) {
  const int64_t row = int64_t{blockIdx.x} * kRowWarps + warp();
  if (row >= p.rows) return;  // a whole warp
  const T* logits = p.logits + row * p.tokens;
  Softmax softmax{0.0f, -1, 0.0f};
  for (int64_t token = lane(); token < p.tokens; token += kWarp) {
    add(softmax, to_float(logits[token]), static_cast<int32_t>(token));
  }
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) {
    const Softmax other{shuffle_xor(softmax.largest, lanes), shuffle_xor(softmax.token, lanes),
                        shuffle_xor(softmax.sum, lanes)};
    softmax = merge(softmax, other);
  }
  const float log_sum = logf(softmax.sum);
  if (lane() == 0 && p.best != nullptr) {
    p.best[row] = softmax.token;
    p.best_log_probability[row] = softmax.largest - softmax.largest - log_sum;
  }
  if (p.log_probabilities == nullptr) return;
  for (int64_t token = lane(); token < p.tokens; token += kWarp) {
    p.log_probabilities[row * p.tokens + token] =
        to_float(logits[token]) - softmax.largest - log_sum;
  }
}

// Of a frame: whether a token begins with it, and whether one ends.
struct Frame {
  int32_t token;
  bool begins;
  bool ends;
};

W2VBERT_DEVICE Frame frame_of(const CtcCollapseParams& p, int64_t t, int64_t first, int64_t end) {
  if (t >= end || p.best[t] == p.blank) return {p.blank, false, false};
  const int32_t token = p.best[t];
  return {token, t == first || p.best[t - 1] != token, t + 1 == end || p.best[t + 1] != token};
}

// Grid: utterances.
__global__ void __launch_bounds__(kCollapseThreads) collapse(CtcCollapseParams p) {
  SharedMemory memory;
  const SharedArray<int> begun = memory.take<int>(kCollapseWarps);
  const SharedArray<double> scores = memory.take<double>(kCollapseThreads);
  const int64_t utterance = blockIdx.x;
  // Whatever the offsets are, nothing outside of the rows is touched.
  const int64_t offset = p.offsets[utterance];
  const int64_t next = p.offsets[utterance + 1];
  const int64_t first = offset < 0 ? 0 : offset;
  const int64_t end = next < p.total_time ? next : p.total_time;
  const int thread = static_cast<int>(threadIdx.x);

  int count = 0;  // of tokens that began in earlier turns
  double score = 0.0;
  for (int64_t turn = first; turn < end; turn += kCollapseThreads) {
    const int64_t t = turn + thread;
    const Frame frame = frame_of(p, t, first, end);
    if (t < end) score += static_cast<double>(p.best_log_probability[t]);
    const uint32_t beginnings = ballot(frame.begins);
    if (lane() == 0) begun.store(warp(), count_ones(beginnings));
    sync_threads();
    int before = 0;  // in earlier warps of this turn
    int total = 0;
    for (int i = 0; i < kCollapseWarps; ++i) {
      if (i < warp()) before += begun.load(i);
      total += begun.load(i);
    }
    sync_threads();
    // The token of this frame is the last one that began until now.
    const uint32_t until_now = beginnings << (kWarp - 1 - lane());
    const int64_t place = first + count + before + count_ones(until_now) - 1;
    if (frame.begins) {
      p.tokens[place] = frame.token;
      p.starts[place] = static_cast<int32_t>(t - first);
    }
    if (frame.ends) p.ends[place] = static_cast<int32_t>(t - first + 1);
    count += total;
  }
  scores.store(thread, score);
  for (int half = kCollapseThreads / 2; half > 0; half /= 2) {
    sync_threads();
    if (thread < half) scores.store(thread, scores.load(thread) + scores.load(thread + half));
  }
  if (thread == 0) {
    p.counts[utterance] = count;
    p.scores[utterance] = scores.load(0);
  }
}

}  // namespace ctc_greedy_kernel

template <typename T>
void log_softmax(const LogSoftmaxParams<T>& p, Stream stream) {
  using namespace ctc_greedy_kernel;
  const auto groups = static_cast<unsigned>((p.rows + kRowWarps - 1) / kRowWarps);
  launch("log_softmax", &softmax_rows<T>, {{groups, 1, 1}, kRowWarps * kWarp}, stream, p);
}

inline void ctc_collapse(const CtcCollapseParams& p, Stream stream) {
  using namespace ctc_greedy_kernel;
  const size_t shared = shared_bytes<int>(kCollapseWarps) + shared_bytes<double>(kCollapseThreads);
  launch("ctc_collapse", &collapse,
         {{static_cast<unsigned>(p.utterances), 1, 1}, kCollapseThreads, shared}, stream, p);
}

}  // namespace w2vbert::cuda
