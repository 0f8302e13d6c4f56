#include "w2vbert/ops/linear.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "w2vbert/ops/checks.h"
#include "w2vbert/ops/cpu/linear_kernel.h"
#include "w2vbert/ops/cuda_operators.h"
#include "w2vbert/ops/scratch.h"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/autocast.h"
#include "w2vbert/torch/autograd.h"
#include "w2vbert/torch/parallel.h"
#include "w2vbert/torch/tape.h"

namespace w2vbert::ops {
namespace {

constexpr const char* kOp = "linear";

// Rows that pass through an operator at once: enough for products at full speed, whole panels of
// every instruction set, and little memory where there are many rows.
constexpr int64_t kTile = 528;

// Multiplications, and elements to read and write, that are worth a thread: about 25 us.
constexpr int64_t kMultiplicationsPerTask = int64_t{1} << 20;
constexpr int64_t kElementsPerTask = int64_t{1} << 15;

Shape with_last(Shape shape, int64_t size) {
  shape.back() = size;
  return shape;
}

// Whether the CPU's kernels compute what surrounds a product of x, and the product itself.
bool has_row_kernel(const Tensor& x) {
  return !GradMode::enabled() && x.dtype() == DType::kFloat32 && x.is_cpu();
}
bool has_kernel(const Tensor& x) { return has_row_kernel(x) && !Autocast::dtype(); }

// Whether the operators of ops/cuda, whose operands are of one type, end a product of x.
bool fuses_on_device(const Tensor& x) { return has_cuda_operators(x) && !Autocast::dtype(); }

// The type of parameters for rows of a type: float32 if a product under Autocast gave them.
DType parameter_type(DType rows) { return Autocast::dtype() == rows ? DType::kFloat32 : rows; }

// As a product takes it, also if it is undefined.
Tensor operand(const Tensor& x) {
  return x.defined() ? aten::to(x, Autocast::dtype().value_or(x.dtype())) : x;
}

bool has_float8_product(const Tensor& x) {
  return has_cuda_operators(x) && x.dtype() == DType::kBFloat16;
}

// How the kernels know a type of weights.
std::optional<cpu::WeightType> weight_type(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return cpu::WeightType::kFloat32;
    case DType::kFloat16:
      return cpu::WeightType::kFloat16;
    case DType::kBFloat16:
      return cpu::WeightType::kBFloat16;
    case DType::kInt8:
      return cpu::WeightType::kInt8;
    case DType::kInt16:
      return cpu::WeightType::kInt16;
    default:
      return std::nullopt;
  }
}

bool has_scales(DType dtype) { return dtype == DType::kInt8 || dtype == DType::kInt16; }

void check_layer(const Tensor& x, const LinearParameters& layer) {
  if (!x.defined() || x.dim() == 0 || x.size(-1) == 0) {
    refuse(kOp, "x", x.describe(), "[..., in] with in at least 1");
  }
  const Tensor& weight = layer.weight;
  const bool pointwise = weight.defined() && weight.dim() == 3 && weight.size(2) == 1;
  const bool float8 = weight.defined() && weight.dtype() == DType::kFloat8;
  const bool fewer_bits =
      weight.defined() &&
      (float8 ? has_float8_product(x) && fits_float8(weight.shape())
              : has_kernel(x) && weight.is_cpu() && weight_type(weight.dtype()));
  const DType dtype = parameter_type(x.dtype());
  if (!weight.defined() || (weight.dtype() != dtype && !fewer_bits) ||
      (weight.dim() != 2 && !pointwise) || weight.size(1) != x.size(-1)) {
    const std::string in = std::to_string(x.size(-1));
    const bool trains = weight.defined() && GradMode::enabled() && weight_type(weight.dtype());
    refuse(kOp, "weight", weight.describe(),
           dtype_name(dtype) + " [out, " + in + "] or [out, " + in + ", 1]" +
               (trains && weight.dtype() != dtype ? " where gradients are recorded" : ""));
  }
  if (has_scales(weight.dtype())) {
    check_tensor(kOp, "scales", layer.scales, DType::kFloat32, {weight.size(0)});
  } else if (float8 && (!layer.scales.defined() || layer.scales.dtype() != DType::kFloat32 ||
                        layer.scales.shape() != Shape{weight.size(0)})) {
    refuse(kOp, "scales", layer.scales.describe(), "float32 " + shape_string({weight.size(0)}));
  }
  const Tensor& bias = layer.bias;
  if (bias.defined() && (bias.dtype() != dtype || bias.shape() != Shape{weight.size(0)})) {
    refuse(kOp, "bias", bias.describe(),
           "undefined or " + dtype_name(dtype) + " " + shape_string({weight.size(0)}));
  }
}

void check_residual(const Tensor& residual, DType dtype, const Shape& shape) {
  if (residual.defined() &&
      (parameter_type(residual.dtype()) != parameter_type(dtype) || residual.shape() != shape)) {
    refuse(kOp, "residual", residual.describe(),
           "undefined or " + dtype_name(dtype) + " " + shape_string(shape));
  }
}

// What is done to the rows before the product.
void check_input(const LinearInput& input) {
  const int64_t features = input.x.size(-1);
  if (input.norm != nullptr) {
    const DType dtype = parameter_type(input.x.dtype());
    for (const Tensor* tensor : {&input.norm->weight, &input.norm->bias}) {
      if (!tensor->defined() || tensor->dtype() != dtype || tensor->shape() != Shape{features}) {
        refuse(kOp, tensor == &input.norm->weight ? "norm.weight" : "norm.bias", tensor->describe(),
               dtype_name(dtype) + " " + shape_string({features}));
      }
    }
  }
  if (input.valid.defined()) {
    const int64_t rows = input.x.numel() / std::max<int64_t>(1, features);
    if (input.x.is_cpu()) {
      check_tensor(kOp, "valid", input.valid, DType::kBool, {rows});
    } else if (input.valid.dtype() != DType::kBool || input.valid.shape() != Shape{rows} ||
               input.valid.device() != input.x.device()) {
      refuse(kOp, "valid", input.valid.describe(),
             "bool " + shape_string({rows}) + " on " + input.x.device().name());
    }
  }
}

std::optional<cpu::LinearActivation> kernel_activation(
    const std::optional<Activation>& activation) {
  if (!activation) return cpu::LinearActivation::kNone;
  if (*activation == Activation::kRelu) return cpu::LinearActivation::kRelu;
  if (*activation == Activation::kSilu) return cpu::LinearActivation::kSilu;
  return std::nullopt;
}

// By ATen's operators.
Tensor composed(const LinearInput& input) {
  Tensor x = input.x;
  if (input.norm != nullptr) {
    x = aten::to(x, input.norm->weight.dtype());
    x = aten::layer_norm(x, input.norm->weight, input.norm->bias, input.norm->eps);
  }
  if (input.activation) x = activate(*input.activation, x);
  if (input.valid.defined()) {
    const Tensor valid = aten::reshape(input.valid, with_last(x.shape(), 1));
    x = aten::where(valid, x, aten::to(Tensor::scalar(0), x.dtype()));
  }
  return x;
}

// [out, in]
Tensor matrix_of(const Tensor& weight) {
  return weight.dim() == 3 ? aten::reshape(weight, {weight.size(0), weight.size(1)}) : weight;
}

Tensor product(const Tensor& rows, const LinearParameters& layer) {
  return aten::linear(operand(rows), operand(matrix_of(layer.weight)), operand(layer.bias));
}

// On a CUDA device: ATen's product, and what surrounds it in as few passes over memory as it takes.
Tensor cuda_rows(const LinearInput& input) {
  if (input.rows.defined()) return input.rows;
  if (input.norm != nullptr) return cuda_operators::normalize(input);
  const Tensor x =
      input.activation ? cuda_operators::finish(input.x, Tensor(), {input.activation}) : input.x;
  if (!input.valid.defined()) return x;
  const Tensor invalid = aten::unary("aten::logical_not", aten::reshape(input.valid, {-1, 1}));
  return aten::masked_fill(x, invalid, aten::to(Tensor::scalar(0), x.dtype()));
}

// Into memory of Tensor::empty, which a workspace can serve; ATen would allocate its own.
Tensor product_of(const Tensor& given, const LinearParameters& layer, const Tensor& bias) {
  const auto matrix = [](const Tensor& x, int64_t columns) {
    return x.dim() == 2 ? x : aten::reshape(x, {-1, columns});
  };
  const int64_t outputs = layer.weight.size(0);
  const Tensor rows = matrix(given, given.size(-1));
  const Tensor out =
      Tensor::empty(with_last(given.shape(), outputs), given.dtype(), given.device());
  if (layer.weight.dtype() == DType::kFloat8) {
    const auto rounded = cuda_operators::quantize_rows(rows);
    aten::scaled_mm_out(rounded.values, aten::transpose(matrix_of(layer.weight), 0, 1),
                        rounded.scales, aten::reshape(layer.scales, {1, outputs}), bias,
                        matrix(out, outputs));
  } else {
    aten::linear_out(rows, matrix_of(layer.weight), bias, matrix(out, outputs));
  }
  return out;
}

Tensor cuda_product(const LinearInput& input, const LinearParameters& layer, bool with_bias) {
  return product_of(cuda_rows(input), layer, with_bias ? layer.bias : Tensor());
}

bool changes(const LinearOutput& output) {
  return output.activation.has_value() || output.residual.defined();
}

Tensor cuda_linear(const LinearInput& input, const LinearParameters& layer,
                   const LinearOutput& output) {
  if (!changes(output)) return cuda_product(input, layer, true);
  return cuda_operators::finish(cuda_product(input, layer, false), layer.bias, output);
}

// A layer as the kernels take it. Holds what it had to copy.
struct Weights {
  explicit Weights(const LinearParameters& layer)
      : weight(aten::contiguous(layer.weight)),
        bias(layer.bias.defined() ? aten::contiguous(layer.bias) : layer.bias),
        scales(layer.scales.defined() ? aten::contiguous(layer.scales) : layer.scales),
        params{weight.raw_data(), bias.defined() ? bias.data<float>() : nullptr,
               scales.defined() ? scales.data<float>() : nullptr, *weight_type(weight.dtype())} {}

  Tensor weight;
  Tensor bias;
  Tensor scales;
  cpu::LinearParams::Weight params;
};

// An input as the kernels take it. Holds what it had to copy.
struct Rows {
  explicit Rows(const LinearInput& input) {
    const bool fused = kernel_activation(input.activation).has_value();
    const LinearInput rest = fused ? input : LinearInput{composed(input)};
    const Tensor& given = rest.x;
    const bool dense = given.dim() == 2 && given.stride(1) == 1;
    x = dense ? given : aten::contiguous(given);
    params.x = x.data<float>();
    params.x_stride = dense ? given.stride(0) : given.size(-1);
    params.features = given.size(-1);
    params.rows = given.numel() / params.features;
    params.activation = *kernel_activation(rest.activation);
    if (rest.norm != nullptr) {
      norm_weight = aten::contiguous(rest.norm->weight);
      norm_bias = aten::contiguous(rest.norm->bias);
      params.norm_weight = norm_weight.data<float>();
      params.norm_bias = norm_bias.data<float>();
      params.norm_eps = static_cast<float>(rest.norm->eps);
    }
    if (rest.valid.defined()) {
      valid = aten::contiguous(rest.valid);
      params.valid = valid.data<bool>();
    }
  }

  cpu::RowsParams tile(int64_t begin, int64_t count, const Weights& weights) const {
    cpu::RowsParams part = params;
    part.integers = has_scales(weights.weight.dtype());
    part.x += begin * params.x_stride;
    part.rows = count;
    if (part.valid != nullptr) part.valid += begin;
    return part;
  }

  Tensor x;
  Tensor norm_weight;
  Tensor norm_bias;
  Tensor valid;
  cpu::RowsParams params{};
};

void pack(cpu::SimdLevel level, const cpu::RowsParams& rows, float* panels) {
  const int64_t count = cpu::panel_count(level, rows.rows, rows.integers);
  const int64_t elements = rows.rows * rows.features / std::max<int64_t>(1, count);
  parallel_for(count, 1 + kElementsPerTask / std::max<int64_t>(1, elements),
               [&](int64_t begin, int64_t end) { cpu::pack(level, rows, begin, end, panels); });
}

// Panels of `params.in_features` as the weights want them, and their product. The panels may
// change.
void multiply(cpu::SimdLevel level, cpu::LinearParams params, float* panels) {
  params.panels = panels;
  int64_t largest = 0;
  for (int i = 0; i < params.weight_count; ++i) {
    largest = std::max(largest, cpu::largest_integer(params.weights[i].type));
  }
  const bool rounded = largest > 0;
  const Scratch row_scales(rounded ? cpu::panel_floats(level, params.rows, 1) : 0);
  if (rounded) {
    const int64_t count = cpu::panel_count(level, params.rows, true);
    const int64_t elements = params.rows * params.in_features / std::max<int64_t>(1, count);
    parallel_for(count, 1 + kElementsPerTask / std::max<int64_t>(1, elements),
                 [&](int64_t begin, int64_t end) {
                   cpu::round_panels(level, params.rows, params.in_features,
                                     cpu::largest_rounded(largest), begin, end, panels,
                                     row_scales.data());
                 });
    params.row_scales = row_scales.data();
  }
  params.block = cpu::linear_block(level, params, thread_count());
  const int64_t items = cpu::linear_items(level, params);
  const int64_t scratch = cpu::linear_scratch(level, params);
  const int64_t work = params.rows * params.in_features * params.out_features *
                       params.weight_count * (params.gated ? 2 : 1);
  const int64_t item = std::max<int64_t>(1, work / std::max<int64_t>(1, items));
  parallel_for(items, 1 + kMultiplicationsPerTask / item, [&](int64_t begin, int64_t end) {
    const Scratch memory(scratch);
    cpu::multiply(level, params, begin, end, memory.data());
  });
}

// Rows through `layers`, side by side.
Tensor run_kernel(const LinearInput& input, const std::vector<Weights>& layers, bool gated,
                  const LinearOutput& output) {
  const Rows rows(input);
  const cpu::SimdLevel level = cpu::simd_level();
  cpu::LinearParams params{};
  params.in_features = rows.params.features;
  params.out_features = layers[0].weight.size(0) / (gated ? 2 : 1);
  params.gated = gated;
  const int64_t width = params.out_features * static_cast<int64_t>(layers.size());
  const Shape shape = with_last(input.x.shape(), width);
  check_residual(output.residual, DType::kFloat32, shape);
  const Tensor residual =
      output.residual.defined() ? aten::contiguous(output.residual) : output.residual;
  const bool fused = kernel_activation(output.activation).has_value();
  params.activation = fused ? *kernel_activation(output.activation) : cpu::LinearActivation::kNone;
  params.scale = static_cast<float>(output.scale);
  params.out_stride = width;
  for (const Weights& layer : layers) params.weights[params.weight_count++] = layer.params;
  const Tensor out = Tensor::empty(shape, DType::kFloat32);
  for (int64_t begin = 0; begin < rows.params.rows; begin += kTile) {
    const cpu::RowsParams tile =
        rows.tile(begin, std::min(kTile, rows.params.rows - begin), layers[0]);
    const Scratch panels(cpu::panel_floats(level, tile.rows, tile.features));
    pack(level, tile, panels.data());
    params.rows = tile.rows;
    params.out = out.data<float>() + begin * width;
    if (fused && residual.defined()) params.residual = residual.data<float>() + begin * width;
    multiply(level, params, panels.data());
  }
  return fused ? out : finish(out, output);
}

// The same for two layers; what lies between them stays in panels.
Tensor run_kernel(const LinearInput& input, const Weights& up, Activation activation,
                  const Weights& down, const LinearOutput& output) {
  const Rows rows(input);
  const cpu::SimdLevel level = cpu::simd_level();
  const std::optional<cpu::LinearActivation> fused = kernel_activation(activation);
  cpu::LinearParams first{};
  first.in_features = rows.params.features;
  first.out_features = up.weight.size(0);
  first.weights[0] = up.params;
  first.weight_count = 1;
  first.activation = fused.value_or(cpu::LinearActivation::kNone);
  cpu::LinearParams second{};
  second.in_features = first.out_features;
  second.out_features = down.weight.size(0);
  second.weights[0] = down.params;
  second.weight_count = 1;
  second.scale = static_cast<float>(output.scale);
  second.out_stride = second.out_features;
  const Shape shape = with_last(input.x.shape(), second.out_features);
  check_residual(output.residual, DType::kFloat32, shape);
  const bool residual_fused = output.residual.defined() && !output.activation;
  const Tensor residual = residual_fused ? aten::contiguous(output.residual) : Tensor();
  const Tensor out = Tensor::empty(shape, DType::kFloat32);
  for (int64_t begin = 0; begin < rows.params.rows; begin += kTile) {
    const cpu::RowsParams tile = rows.tile(begin, std::min(kTile, rows.params.rows - begin), up);
    const Scratch panels(cpu::panel_floats(level, tile.rows, tile.features));
    pack(level, tile, panels.data());
    const int64_t floats = cpu::panel_floats(level, tile.rows, first.out_features);
    const Scratch between(floats);
    first.rows = tile.rows;
    first.out_panels = between.data();
    multiply(level, first, panels.data());
    Tensor activated;
    if (!fused) {
      activated = activate(activation,
                           Tensor::from_blob(between.data(), {floats}, DType::kFloat32, nullptr));
    }
    second.rows = tile.rows;
    second.out = out.data<float>() + begin * second.out_features;
    if (residual_fused) second.residual = residual.data<float>() + begin * second.out_features;
    multiply(level, second, fused ? between.data() : activated.data<float>());
  }
  return output.activation ? finish(out, output) : out;
}

// The tape to record on, if the result takes gradients.
Tape* recording(const LinearInput& input, const std::vector<const LinearParameters*>& layers) {
  Tape* const tape = Tape::recording();
  if (tape == nullptr) return nullptr;
  const auto takes = [](const Tensor& x) { return x.defined() && requires_grad(x); };
  bool any = takes(input.x);
  if (input.norm != nullptr) any = any || takes(input.norm->weight) || takes(input.norm->bias);
  for (const LinearParameters* layer : layers) {
    any = any || takes(layer->weight) || takes(layer->bias);
  }
  return any ? tape : nullptr;
}

// What a recorded operator keeps: its input as it came, not what norm and activation made of it.
struct Recorded {
  Recorded(Tape& tape, const LinearInput& given) : input(given) {
    input.x = tape.leaf(given.x);
    if (given.norm != nullptr)
      norm = {tape.leaf(given.norm->weight), tape.leaf(given.norm->bias), given.norm->eps};
  }

  // The input as it is multiplied, with gradients if they are enabled.
  Tensor rows() const {
    LinearInput again = input;
    if (again.norm != nullptr) again.norm = &norm;
    return composed(again);
  }

  LinearInput input;
  NormParameters norm;
};

// Layers of one input with equally many outputs, without a tape.
std::vector<Tensor> products(const LinearInput& input,
                             const std::vector<const LinearParameters*>& layers) {
  std::vector<Tensor> outputs;
  // Rows are rounded for all of the weights or for none.
  const bool rounded = has_scales(layers[0]->weight.dtype());
  const bool alike = std::all_of(layers.begin(), layers.end(), [&](const LinearParameters* layer) {
    return has_scales(layer->weight.dtype()) == rounded;
  });
  if (!has_kernel(input.x) || !alike || layers.size() > cpu::kMostLinearWeights) {
    const Tensor rows = operand(normalize(input));
    for (const LinearParameters* layer : layers) outputs.push_back(linear({rows}, *layer));
    return outputs;
  }
  std::vector<Weights> weights;
  for (const LinearParameters* layer : layers) weights.emplace_back(*layer);
  const Tensor all = run_kernel(input, weights, false, {});
  const int64_t size = layers[0]->weight.size(0);
  for (size_t i = 0; i < layers.size(); ++i) {
    outputs.push_back(aten::narrow(all, -1, static_cast<int64_t>(i) * size, size));
  }
  return outputs;
}

// The same with gradients by the tape.
std::vector<Tensor> record(Tape& tape, const LinearInput& given,
                           const std::vector<const LinearParameters*>& layers) {
  const Recorded kept(tape, given);
  std::vector<LinearParameters> parameters;
  for (const LinearParameters* layer : layers) {
    parameters.push_back({tape.leaf(layer->weight), tape.leaf(layer->bias)});
  }
  std::vector<Tensor> outputs;
  {
    const GradMode mode(false);
    outputs = products(given, layers);
  }
  return tape.record(outputs, [kept, parameters](const std::vector<Tensor>& gradients) {
    Tensor rows;
    {
      const GradMode mode(true);
      rows = kept.rows();
    }
    const int64_t in = rows.size(-1);
    const Tensor values = operand(aten::reshape(aten::detach(rows), {-1, in}));
    Tensor sum;  // the gradient of the rows
    for (size_t i = 0; i < parameters.size(); ++i) {
      if (!gradients[i].defined()) continue;
      const LinearParameters& layer = parameters[i];
      const int64_t out = layer.weight.size(0);
      const Tensor gradient = aten::reshape(gradients[i], {-1, out});
      if (requires_grad(layer.weight)) {
        const Tensor slope = aten::matmul(aten::transpose(gradient, 0, 1), values);
        Tape::add_gradient(layer.weight, aten::to(aten::reshape(slope, layer.weight.shape()),
                                                  layer.weight.dtype()));
      }
      if (layer.bias.defined() && requires_grad(layer.bias)) {
        Tape::add_gradient(layer.bias, aten::sum(aten::to(gradient, layer.bias.dtype()), 0));
      }
      if (!requires_grad(rows)) continue;
      const Tensor weight = operand(aten::reshape(aten::detach(layer.weight), {out, in}));
      const Tensor part = aten::to(aten::matmul(gradient, weight), rows.dtype());
      sum = sum.defined() ? aten::add(sum, part) : part;
    }
    if (sum.defined()) aten::backward(rows, aten::reshape(sum, rows.shape()));
  });
}

}  // namespace

Tensor linear(const LinearInput& input, const LinearParameters& layer, const LinearOutput& output) {
  check_layer(input.x, layer);
  check_input(input);
  if (Tape* const tape = recording(input, {&layer})) {
    return finish(record(*tape, input, {&layer})[0], output);
  }
  if (has_kernel(input.x)) return run_kernel(input, {Weights(layer)}, false, output);
  if (fuses_on_device(input.x)) return cuda_linear(input, layer, output);
  return finish(product(normalize(input), layer), output);
}

LinearInput linear(const LinearInput& input, const LinearParameters& layer,
                   const LinearOutput& output, LinearInput reader) {
  if (fuses_on_device(input.x) && reader.norm != nullptr) {
    check_layer(input.x, layer);
    check_input(input);
    return cuda_operators::finish_and_normalize(cuda_product(input, layer, false), layer.bias,
                                                output, std::move(reader));
  }
  reader.x = linear(input, layer, output);
  return reader;
}

bool fits_float8(const Shape& weight) {
  constexpr int64_t kMultiple = 16;
  const bool matrix = weight.size() == 2 || (weight.size() == 3 && weight[2] == 1);
  return matrix && weight[0] > 0 && weight[1] > 0 && weight[0] % kMultiple == 0 &&
         weight[1] % kMultiple == 0;
}

std::string float8_capture_problem(const Tensor& on_device) {
  constexpr int64_t kOfCublas = 90;
  const int64_t capability = cuda_operators::compute_capability(on_device);
  if (capability == kOfCublas) return "";
  return "products of float8 cannot be captured on compute capability " +
         std::to_string(capability / 10) + "." + std::to_string(capability % 10) + ", only on 9.0";
}

LinearParameters stack(std::initializer_list<const LinearParameters*> layers) {
  const auto stack_rows = [&](Tensor LinearParameters::*part) {
    const Tensor first = (*layers.begin())->*part;
    if (!first.defined()) return first;
    Shape shape = first.shape();
    shape[0] = 0;
    for (const LinearParameters* layer : layers) shape[0] += (layer->*part).size(0);
    // ATen's concatenation does not take float8 in every version.
    const Tensor all = Tensor::empty(shape, first.dtype(), first.device());
    int64_t row = 0;
    for (const LinearParameters* layer : layers) {
      const Tensor& tensor = layer->*part;
      const Tensor rows = aten::narrow(all, 0, row, tensor.size(0));
      aten::copy(rows, tensor);
      tensor.assign(rows);
      row += rows.size(0);
    }
    return all;
  };
  return {stack_rows(&LinearParameters::weight), stack_rows(&LinearParameters::bias),
          stack_rows(&LinearParameters::scales)};
}

std::vector<Tensor> linears(const LinearInput& input,
                            std::initializer_list<const LinearParameters*> layers) {
  const int64_t size = (*layers.begin())->weight.size(0);
  for (const LinearParameters* layer : layers) {
    check_layer(input.x, *layer);
    if (layer->weight.size(0) != size) {
      refuse(kOp, "weight", layer->weight.describe(), std::to_string(size) + " outputs");
    }
  }
  check_input(input);
  if (Tape* const tape = recording(input, layers)) return record(*tape, input, layers);
  return products(input, layers);
}

Tensor gated_linear(const LinearInput& input, const LinearParameters& layer) {
  check_layer(input.x, layer);
  check_input(input);
  if (layer.weight.size(0) % 2 != 0) {
    refuse(kOp, "weight", layer.weight.describe(), "an even number of outputs");
  }
  if (Tape* const tape = recording(input, {&layer})) {
    return aten::glu(record(*tape, input, {&layer})[0], -1);
  }
  if (has_kernel(input.x)) return run_kernel(input, {Weights(layer)}, true, {});
  if (fuses_on_device(input.x)) {
    return cuda_operators::gate(cuda_product(input, layer, false), layer.bias);
  }
  return aten::glu(linear(input, layer), -1);
}

Tensor feed_forward(const LinearInput& input, const LinearParameters& up, Activation activation,
                    const LinearParameters& down, const LinearOutput& output) {
  check_layer(input.x, up);
  check_input(input);
  // Panels that will be rounded are laid out differently.
  const bool alike =
      has_scales(up.weight.dtype()) == (down.weight.defined() && has_scales(down.weight.dtype()));
  if (!has_kernel(input.x) || !alike) {
    if (fuses_on_device(input.x)) {
      return linear({linear(input, up, {activation})}, down, output);
    }
    // The second layer keeps what the first one gave and activates it again.
    return linear({linear(input, up), nullptr, activation}, down, output);
  }
  check_layer(Tensor::empty({0, up.weight.size(0)}, DType::kFloat32), down);
  return run_kernel(input, Weights(up), activation, Weights(down), output);
}

LinearInput feed_forward(const LinearInput& input, const LinearParameters& up,
                         Activation activation, const LinearParameters& down,
                         const LinearOutput& output, LinearInput reader) {
  if (fuses_on_device(input.x)) {
    return linear({linear(input, up, {activation})}, down, output, std::move(reader));
  }
  reader.x = feed_forward(input, up, activation, down, output);
  return reader;
}

Tensor finish(const Tensor& y, const LinearOutput& output) {
  check_residual(output.residual, y.dtype(), y.shape());
  if (changes(output) && fuses_on_device(y)) return cuda_operators::finish(y, Tensor(), output);
  const Tensor activated = output.activation ? activate(*output.activation, y) : y;
  if (!output.residual.defined()) return activated;
  Tape* const tape = Tape::recording();
  const Tensor residual = tape == nullptr ? output.residual : tape->leaf(output.residual);
  return aten::add(aten::to(residual, parameter_type(residual.dtype())), activated, output.scale);
}

Tensor normalize(const LinearInput& input) {
  check_input(input);
  if (input.norm == nullptr && !input.activation && !input.valid.defined()) return input.x;
  if (Tape* const tape = recording(input, {})) {
    const Recorded kept(*tape, input);
    Tensor normed;
    {
      const GradMode mode(false);
      normed = normalize(input);
    }
    return tape->record({normed}, [kept](const std::vector<Tensor>& gradients) {
      const GradMode mode(true);
      aten::backward(kept.rows(), gradients[0]);
    })[0];
  }
  const bool of_one_type = input.norm == nullptr || input.norm->weight.dtype() == input.x.dtype();
  if (has_cuda_operators(input.x) && of_one_type) return cuda_rows(input);
  if (!has_row_kernel(input.x) || input.x.size(-1) == 0) return composed(input);
  const Rows rows(input);
  const Tensor out = Tensor::empty(input.x.shape(), DType::kFloat32);
  const int64_t features = rows.params.features;
  const cpu::SimdLevel level = cpu::simd_level();
  parallel_for(rows.params.rows, 1 + kElementsPerTask / features, [&](int64_t begin, int64_t end) {
    cpu::transform(level, rows.params, begin, end, out.data<float>(), features);
  });
  return out;
}

}  // namespace w2vbert::ops
