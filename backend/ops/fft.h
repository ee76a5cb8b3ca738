// Fourier transforms, in single precision: real input is cast to float32, complex output is complex64.
#pragma once

#include <optional>
#include <string>

#include "backend/core/array.h"
#include "backend/ops/reduce.h"

namespace mlx_rocm::fft {

// How the two directions share the factor 1 / n.
enum class Norm : uint8_t {
  backward,  // the inverse has it all
  ortho,     // each has its square root
  forward,   // the forward transform has it all
};
Norm parse_norm(const std::string& norm, const char* op);

enum class Kind : uint8_t { complex_to_complex, real_to_complex, complex_to_real };

// Transforms over `axes`; with a real side, over its last axis last (forwards) or the reverse. `sizes` are
// the lengths of the (real side of the) transforms: the input is cut or padded with zeros to them. Without
// sizes the input's are used.
array fftn(const array& a, const std::optional<Shape>& sizes, const Axes& axes, Kind kind, bool inverse, Norm norm,
           const StreamOrDevice& s = {});

array fftshift(const array& a, const Axes& axes, const StreamOrDevice& s = {});
array ifftshift(const array& a, const Axes& axes, const StreamOrDevice& s = {});
// Frequencies of the bins of fft and rfft of n samples d apart, float32.
array fftfreq(int n, double d, const StreamOrDevice& s = {});
array rfftfreq(int n, double d, const StreamOrDevice& s = {});

struct StftOptions {
  std::optional<int> hop_length, win_length;
  std::optional<array> window;
  bool center = true;
  std::string pad_mode = "reflect";
  Norm norm = Norm::backward;
  std::optional<bool> onesided;
};
// (..., samples) -> (..., frequencies, frames).
array stft(const array& x, int n_fft, const StftOptions& options, const StreamOrDevice& s = {});
// (..., frequencies, frames) -> (..., samples).
array istft(const array& matrix, std::optional<int> n_fft, const StftOptions& options, std::optional<int> length,
            const StreamOrDevice& s = {});

}  // namespace mlx_rocm::fft
