// What tch leaves out of libtorch, for `libtorch.rs`.
//
// Each function returns nothing, or what libtorch threw, as a text that the caller frees. Tensors are
// borrowed. Knows nothing of networks.

#include <cstring>
#include <exception>
#include <vector>

#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/cpu/Utils.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/acos.h>
#include <ATen/ops/asin.h>
#include <ATen/ops/atan.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/erf.h>
#include <ATen/ops/erfc.h>
#include <ATen/ops/erfinv.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/full.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/log.h>
#include <ATen/ops/log10.h>
#include <ATen/ops/log2.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/tan.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/trunc.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/InferenceMode.h>

using Tensors = at::Tensor *const *;

namespace {

template <typename Work>
char *caught(Work work) {
  try {
    work();
    return nullptr;
  } catch (const std::exception &error) {
    return strdup(error.what());
  } catch (...) {
    return strdup("an unknown exception");
  }
}

std::vector<at::Tensor> all(Tensors tensors, size_t count) {
  std::vector<at::Tensor> list;
  list.reserve(count);
  for (size_t index = 0; index < count; ++index) {
    list.push_back(*tensors[index]);
  }
  return list;
}

/// libtorch keeps no memory of a GPU before it was first used: then there is none to tell of.
c10::DeviceAllocator *of_gpu() {
  auto *allocator = c10::getDeviceAllocator(c10::DeviceType::CUDA);
  return allocator->initialized() ? allocator : nullptr;
}

}  // namespace

extern "C" {

/// Calls each elementary function of MKL with a single number, and so on one thread. MKL looks for a function's
/// code when it is first called; two threads that do so at once may get a coarse one for that call, off by thousands
/// of units in the last place (https://github.com/pytorch/pytorch/issues/188792).
char *ablate_choose_functions() {
  return caught([] {
    for (auto kind : {at::kFloat, at::kDouble}) {
      auto x = at::full({1}, 0.5, at::TensorOptions(kind));
      for (auto function : {at::acos, at::asin, at::atan, at::cos, at::erf, at::erfc, at::erfinv, at::exp, at::log,
                            at::log10, at::log2, at::sin, at::sqrt, at::tan, at::tanh, at::trunc}) {
        function(x);
      }
    }
  });
}

/// Adam over lists of as many tensors; `steps`, a single number, counts from 1. With `decoupled`, AdamW.
char *ablate_adam(size_t count, Tensors values, Tensors gradients, Tensors firsts, Tensors seconds,
                  const at::Tensor *steps, double learning_rate, double beta1, double beta2,
                  double weight_decay, double epsilon, bool decoupled) {
  return caught([&] {
    auto x = all(values, count), g = all(gradients, count);
    auto m = all(firsts, count), v = all(seconds, count);
    std::vector<at::Tensor> t(count, *steps);
    if (decoupled) {
      at::_fused_adamw_(x, g, m, v, {}, t, learning_rate, beta1, beta2, weight_decay, epsilon, false, false);
    } else {
      at::_fused_adam_(x, g, m, v, {}, t, learning_rate, beta1, beta2, weight_decay, epsilon, false, false);
    }
  });
}

/// Stochastic gradient descent; `momenta` are not looked at where `momentum` is 0.
char *ablate_sgd(size_t count, Tensors values, Tensors gradients, Tensors momenta, double learning_rate,
                 double momentum, double weight_decay, bool is_first) {
  return caught([&] {
    auto x = all(values, count), g = all(gradients, count);
    auto m = momentum == 0 ? std::vector<at::Tensor>() : all(momenta, count);
    at::_fused_sgd_(x, g, m, weight_decay, momentum, learning_rate, 0.0, false, false, is_first);
  });
}

/// Leaky ReLU in place; tch knows no other slope than 0.01.
char *ablate_leaky_relu(at::Tensor *x, double slope) {
  return caught([&] { at::leaky_relu_(*x, slope); });
}

/// Whether convolutions and products on a GPU round single precision to TF32's ten bits.
char *ablate_allow_tf32(bool allowed) {
  return caught([&] {
    at::globalContext().setAllowTF32CuDNN(allowed);
    at::globalContext().setAllowTF32CuBLAS(allowed);
  });
}

/// Whether this processor has units that multiply tiles of bfloat16, and this process may use them.
char *ablate_multiplies_tiles(bool *answer) {
  return caught([&] { *answer = at::cpu::init_amx(); });
}

/// Whether only algorithms are used that give the same bits each time; others become errors.
char *ablate_repeat_exactly(bool exactly) {
  return caught([&] {
    at::globalContext().setDeterministicAlgorithms(exactly, false);
    at::globalContext().setDeterministicCuDNN(exactly);
    at::globalContext().setBenchmarkCuDNN(!exactly);
  });
}

/// Forgets how many bytes of a GPU's memory were taken at most.
char *ablate_forget_peak(int8_t gpu) {
  return caught([&] {
    if (auto *allocator = of_gpu()) {
      allocator->resetPeakStats(gpu);
    }
  });
}

/// Most bytes of a GPU's memory that were taken since, those kept for later among them.
char *ablate_peak(int8_t gpu, int64_t *bytes) {
  return caught([&] {
    constexpr auto all = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    auto *allocator = of_gpu();
    *bytes = allocator ? allocator->getDeviceStats(gpu).reserved_bytes[all].peak : 0;
  });
}

/// Begins to compute without gradients, until what it returns is handed to the function below.
void *ablate_enter_inference() { return new c10::InferenceMode(true); }

void ablate_leave_inference(void *mode) { delete static_cast<c10::InferenceMode *>(mode); }

}  // extern "C"
