// mlx_rocm.core.fft
#include "backend/ops/fft.h"

#include "python/bind.h"

namespace mlx_rocm::python {
namespace {

using fft::Kind;
using fft::Norm;

// A row per transform: what the one-axis and the many-axes functions share.
struct Transform {
  Kind kind;
  bool inverse;
  const char *one, *two, *many;  // names
  const char *one_doc, *two_doc, *many_doc;
};

constexpr Transform kTransforms[] = {
    {Kind::complex_to_complex, false, "fft", "fft2", "fftn", "One-dimensional discrete Fourier transform.",
     "Two-dimensional discrete Fourier transform.", "N-dimensional discrete Fourier transform."},
    {Kind::complex_to_complex, true, "ifft", "ifft2", "ifftn", "One-dimensional inverse Fourier transform.",
     "Two-dimensional inverse Fourier transform.", "N-dimensional inverse Fourier transform."},
    {Kind::real_to_complex, false, "rfft", "rfft2", "rfftn",
     "One-dimensional Fourier transform of a real array: n // 2 + 1 bins.",
     "Two-dimensional Fourier transform of a real array, with n // 2 + 1 bins along the last axis.",
     "N-dimensional Fourier transform of a real array, with n // 2 + 1 bins along the last axis."},
    {Kind::complex_to_real, true, "irfft", "irfft2", "irfftn", "Inverse of rfft: a real array from half a spectrum.",
     "Inverse of rfft2: a real array from half a spectrum.", "Inverse of rfftn: a real array from half a spectrum."},
};

std::string one_axis_doc(const char* first) {
  return std::string(first) + R"(

Args:
    a (array): at least one dimension.
    n (int, optional): length of the transformed axis (of the output for irfft); the input is cut or padded with zeros.
    axis (int, optional): the axis.
    norm (str, optional): ``"backward"`` (the inverse has the factor 1/n), ``"ortho"`` or ``"forward"``.

Returns:
    array: complex64, or float32 for irfft.

Raises:
    ValueError: the axis is out of range, ``n`` is not positive or ``norm`` is unknown.)";
}

std::string many_axes_doc(const char* first) {
  return std::string(first) + R"(

Args:
    a (array): at least one dimension.
    s (list(int), optional): lengths of the transformed axes (of the output for irfft); the input is cut or padded.
    axes (list(int), optional): the axes; None means all, or the last ``len(s)``.
    norm (str, optional): ``"backward"`` (the inverse has the factor 1/n), ``"ortho"`` or ``"forward"``.

Returns:
    array: complex64, or float32 for the inverse of a real transform.

Raises:
    ValueError: an axis is out of range or given twice, a length is not positive, ``s`` is given without ``axes``.)";
}

array transform_axes(const Transform& t, const char* name, const array& a, const std::optional<Shape>& sizes,
                     const std::optional<Axes>& axes, const std::string& norm, const StreamOrDevice& s) {
  const Norm parsed = fft::parse_norm(norm, name);
  if (sizes && !axes) value_error("[", name, "] axes must be given when s is given.");
  return fft::fftn(a, sizes, axes ? *axes : all_axes(a), t.kind, t.inverse, parsed, s);
}

void def_transform(nb::module_& m, const Transform& t) {
  m.def(
      t.one,
      [&t](const array& a, std::optional<int> n, int axis, const std::string& norm, const StreamOrDevice& s) {
        std::optional<Shape> sizes;
        if (n) sizes = Shape{*n};
        return transform_axes(t, t.one, a, sizes, Axes{axis}, norm, s);
      },
      "a"_a, "n"_a = nb::none(), "axis"_a = -1, "norm"_a = "backward", "stream"_a = nb::none(),
      one_axis_doc(t.one_doc).c_str());
  const auto many = [&](const char* name, const char* doc, auto default_axes) {
    m.def(
        name,
        [&t, name](const array& a, const std::optional<Shape>& sizes, const std::optional<Axes>& axes,
                   const std::string& norm, const StreamOrDevice& s) {
          return transform_axes(t, name, a, sizes, axes, norm, s);
        },
        "a"_a, "s"_a = nb::none(), "axes"_a.none() = default_axes, "norm"_a = "backward", "stream"_a = nb::none(),
        many_axes_doc(doc).c_str());
  };
  many(t.two, t.two_doc, Axes{-2, -1});
  many(t.many, t.many_doc, nb::none());
}

}  // namespace

void init_fft(nb::module_& parent) {
  auto m = parent.def_submodule("fft", "Fourier transforms.");
  for (const Transform& t : kTransforms) def_transform(m, t);
  m.def(
      "fftshift",
      [](const array& a, nb::handle axes, const StreamOrDevice& s) { return fft::fftshift(a, to_axes(axes, a), s); },
      "a"_a, "axes"_a.none() = nb::none(), "stream"_a = nb::none(),
      "Moves the zero frequency to the middle of the axes (an int, ints, or None for all).");
  m.def(
      "ifftshift",
      [](const array& a, nb::handle axes, const StreamOrDevice& s) { return fft::ifftshift(a, to_axes(axes, a), s); },
      "a"_a, "axes"_a.none() = nb::none(), "stream"_a = nb::none(), "Undoes :func:`fftshift`.");
  m.def("fftfreq", fft::fftfreq, "n"_a, "d"_a = 1.0, "stream"_a = nb::none(),
        "The frequencies (float32, shape (n,)) of the bins of an fft of ``n`` samples ``d`` apart.");
  m.def("rfftfreq", fft::rfftfreq, "n"_a, "d"_a = 1.0, "stream"_a = nb::none(),
        "The frequencies (float32, shape (n // 2 + 1,)) of the bins of an rfft of ``n`` samples ``d`` apart.");
  m.def(
      "stft",
      [](const array& x, int n_fft, std::optional<int> hop_length, std::optional<int> win_length,
         const std::optional<array>& window, bool center, const std::string& pad_mode, const std::string& norm,
         std::optional<bool> onesided, const StreamOrDevice& s) {
        return fft::stft(
            x, n_fft,
            {hop_length, win_length, window, center, pad_mode, fft::parse_norm(norm, "stft"), onesided}, s);
      },
      "x"_a, "n_fft"_a = 2048, "hop_length"_a = nb::none(), "win_length"_a = nb::none(), "window"_a = nb::none(),
      "center"_a = true, "pad_mode"_a = "reflect", "norm"_a = "backward", "onesided"_a = nb::none(),
      "stream"_a = nb::none(),
      R"(Short-time Fourier transform: the transforms of overlapping windowed frames of the last axis.

Args:
    x (array): shape (..., samples).
    n_fft (int, optional): length of a frame.
    hop_length (int, optional): samples between frames; n_fft // 4 by default.
    win_length (int, optional): length of the rectangular window used when none is given; n_fft by default.
    window (array, optional): 1-D, at most n_fft elements, centred in the frame.
    center (bool, optional): pad both ends by n_fft // 2, so that frame t is centred at sample t * hop_length.
    pad_mode (str, optional): how to pad: ``"reflect"``, ``"constant"`` or ``"edge"``.
    norm (str, optional): as in :func:`fft`.
    onesided (bool, optional): only the non-negative frequencies; by default for real input.

Returns:
    array: complex64, shape (..., frequencies, frames).

Raises:
    ValueError: a length is out of range or the input is shorter than a frame.)");
  m.def(
      "istft",
      [](const array& matrix, std::optional<int> n_fft, std::optional<int> hop_length, std::optional<int> win_length,
         const std::optional<array>& window, bool center, const std::string& norm, std::optional<bool> onesided,
         std::optional<int> length, const StreamOrDevice& s) {
        return fft::istft(
            matrix, n_fft,
            {hop_length, win_length, window, center, "constant", fft::parse_norm(norm, "istft"), onesided}, length, s);
      },
      "stft_matrix"_a, "n_fft"_a = nb::none(), "hop_length"_a = nb::none(), "win_length"_a = nb::none(),
      "window"_a = nb::none(), "center"_a = true, "norm"_a = "backward", "onesided"_a = nb::none(),
      "length"_a = nb::none(), "stream"_a = nb::none(),
      R"(Inverse of :func:`stft`: overlapping frames are added and divided by the sum of the squared windows.

Args:
    stft_matrix (array): shape (..., frequencies, frames).
    n_fft (int, optional): length of a frame; by default 2 * (frequencies - 1), or frequencies when not ``onesided``.
    hop_length, win_length, window, center, norm: as given to :func:`stft`.
    onesided (bool, optional): the matrix has only the non-negative frequencies; True by default.
    length (int, optional): cut or pad the result to so many samples.

Returns:
    array: float32, shape (..., samples).

Raises:
    ValueError: a length is out of range or there is no frame.)");
}

}  // namespace mlx_rocm::python
