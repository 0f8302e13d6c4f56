// Streams and graphs of the emulated device. Work is done when it is put into a stream, unless the
// thread captures the stream: then a launch of the graph does it. For one thread at a time, as
// emulated_device.h.
#pragma once

#include <cstdint>
#include <functional>

struct CUstream_st;

namespace w2vbert::cuda::emulated {

// The stream that LibTorch uses on this thread; null is the default one. Returns what it was.
CUstream_st* exchange_stream(CUstream_st* stream);
CUstream_st* current_stream();

// Whether this thread captures a stream.
bool capturing();
// Work for the current stream, which must be the one that is captured: kept for its graph. Throws
// EmulationError if it is for another stream. False, and nothing is kept, where nothing is
// captured.
bool capture(CUstream_st* stream, const std::function<void()>& work);

// Times that the host waited for a stream or the device.
int64_t stream_waits();
// Launches of graphs.
int64_t graph_launches();
// Work that was put into a stream.
int64_t work_in(CUstream_st* stream);
// From now on captures fail, and all that is captured after so many pieces of work; -1: none does.
void set_capture_limit(int64_t pieces);

}  // namespace w2vbert::cuda::emulated
