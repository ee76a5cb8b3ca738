// mlx_rocm.core.random
#include "backend/ops/random.h"

#include "python/bind.h"
#include "python/tree.h"

namespace mlx_rocm::python {
namespace {

using Key = std::optional<array>;
using Type = std::optional<Dtype>;

// Stands for "the calling thread's key": one object for the process, so that what captures it (compile) works
// on every thread.
struct RandomState {};

nb::object state_object() {
  static nb::object object = [] {
    nb::object o = nb::cast(RandomState{});
    o.inc_ref();  // lives as long as the process
    return o;
  }();
  return object;
}

array key_or_next(const Key& key) { return key ? *key : random::next_key(); }

array optional_operand(const std::optional<Operand>& o, Dtype dtype) { return o ? to_array(*o, dtype) : array(); }

constexpr const char* kCommon = R"(
    key (array, optional): a key from :func:`key` or :func:`split`; by default the thread's own key advances.)";

std::string doc(const char* summary, const char* arguments, const char* returns) {
  return std::string(summary) + "\n\nArgs:" + arguments + kCommon + "\n\nReturns:\n    array: " + returns;
}

void def_keys(nb::module_& m) {
  nb::class_<RandomState>(m, "_RandomState")
      .def("__len__", [](const RandomState&) { return 1; })
      .def(
          "__getitem__",
          [](const RandomState&, int i) {
            if (i != 0 && i != -1) throw nb::index_error("random state index out of range");
            return random::state();
          },
          "index"_a)
      .def("__iter__", [](const RandomState&) { return nb::iter(nb::make_tuple(random::state())); });
  m.attr("state") = state_object();
  register_state_leaf({state_object(), random::state, random::set_state});
  m.def(
      "seed", [](uint64_t seed) { random::set_state(random::key(seed)); }, "seed"_a,
      "Seeds this thread's random numbers.");
  m.def("key", random::key, "seed"_a, "The key of a seed: uint32, shape (2,).");
  m.def("split", random::split, "key"_a, "num"_a = 2, "stream"_a = nb::none(),
        nb::sig("def split(key: array, num: int = 2, stream: StreamOrDevice = None) -> array"),
        "``num`` independent keys from one: uint32, shape (num, 2).");
}

void def_continuous(nb::module_& m) {
  m.def(
      "uniform",
      [](const Operand& low, const Operand& high, const Shape& shape, Type dtype, const Key& key,
         const StreamOrDevice& s) {
        const array k = key_or_next(key);
        return random::uniform(to_array(low), to_array(high), shape, dtype.value_or(float32), k, s);
      },
      "low"_a = 0, "high"_a = 1, "shape"_a = Shape{}, "dtype"_a.none() = float32, "key"_a = nb::none(),
      "stream"_a = nb::none(),
      nb::sig("def uniform(low: scalar | array = 0, high: scalar | array = 1, shape: Sequence[int] = [], dtype: Dtype "
              "| None = float32, key: array | None = None, stream: StreamOrDevice = None) -> array"),
      doc("Uniform random numbers in [low, high).", R"(
    low, high (scalar or array, optional): the bounds; arrays must broadcast to ``shape``.
    shape (list(int), optional): of the result.
    dtype (Dtype, optional): float32, float16 or bfloat16.)",
          "the numbers.")
          .c_str());
  m.def(
      "normal",
      [](const Shape& shape, Type dtype, const std::optional<Operand>& loc, const std::optional<Operand>& scale,
         const Key& key, const StreamOrDevice& s) {
        const array k = key_or_next(key);
        const Dtype d = dtype.value_or(float32);
        return random::normal(shape, d, optional_operand(loc, d), optional_operand(scale, d), k, s);
      },
      "shape"_a = Shape{}, "dtype"_a.none() = float32, "loc"_a = nb::none(), "scale"_a = nb::none(),
      "key"_a = nb::none(), "stream"_a = nb::none(),
      nb::sig("def normal(shape: Sequence[int] = [], dtype: Dtype | None = float32, loc: scalar | array | None = None, "
              "scale: scalar | array | None = None, key: array | None = None, stream: StreamOrDevice = None) -> array"),
      doc("Normally distributed random numbers.", R"(
    shape (list(int), optional): of the result.
    dtype (Dtype, optional): float32, float16, bfloat16 or complex64.
    loc, scale (scalar or array, optional): mean and standard deviation; arrays must broadcast with ``shape``.)",
          "the numbers.")
          .c_str());
  m.def(
      "multivariate_normal",
      [](const array& mean, const array& cov, const Shape& shape, Type dtype, const Key& key,
         const StreamOrDevice& s) {
        const array k = key_or_next(key);
        return random::multivariate_normal(mean, cov, shape, dtype.value_or(float32), k, s);
      },
      "mean"_a, "cov"_a, "shape"_a = Shape{}, "dtype"_a.none() = float32, "key"_a = nb::none(),
      "stream"_a = nb::none(),
      nb::sig("def multivariate_normal(mean: array, cov: array, shape: Sequence[int] = [], dtype: Dtype | None = "
              "float32, key: array | None = None, stream: StreamOrDevice = None) -> array"),
      doc("Jointly normal random vectors. Needs a CPU stream.", R"(
    mean (array): shape (..., n).
    cov (array): shape (..., n, n), positive semi-definite (not checked).
    shape (list(int), optional): must broadcast with the batch dimensions of mean and cov.
    dtype (Dtype, optional): float32.)",
          "shape (..., n).")
          .c_str());
  m.def(
      "truncated_normal",
      [](const Operand& lower, const Operand& upper, const std::optional<Shape>& shape, Type dtype, const Key& key,
         const StreamOrDevice& s) {
        const array k = key_or_next(key);
        const array lo = to_array(lower), hi = to_array(upper);
        const Shape out = shape ? *shape : broadcast_shapes(lo.shape(), hi.shape(), "truncated_normal");
        return random::truncated_normal(lo, hi, out, dtype.value_or(float32), k, s);
      },
      "lower"_a, "upper"_a, "shape"_a = nb::none(), "dtype"_a.none() = float32, "key"_a = nb::none(),
      "stream"_a = nb::none(),
      nb::sig("def truncated_normal(lower: scalar | array, upper: scalar | array, shape: Sequence[int] | None = None, "
              "dtype: Dtype | None = float32, key: array | None = None, stream: StreamOrDevice = None) -> array"),
      doc("Standard normal random numbers, restricted to [lower, upper].", R"(
    lower, upper (scalar or array): the bounds.
    shape (list(int), optional): of the result; by default the bounds broadcast together.
    dtype (Dtype, optional): float32, float16 or bfloat16.)",
          "the numbers.")
          .c_str());
  m.def(
      "gumbel",
      [](const Shape& shape, Type dtype, const Key& key, const StreamOrDevice& s) {
        const array k = key_or_next(key);
        return random::gumbel(shape, dtype.value_or(float32), k, s);
      },
      "shape"_a = Shape{}, "dtype"_a.none() = float32, "key"_a = nb::none(), "stream"_a = nb::none(),
      nb::sig("def gumbel(shape: Sequence[int] = [], dtype: Dtype | None = float32, key: array | None = None, stream: "
              "StreamOrDevice = None) -> array"),
      doc("Standard Gumbel random numbers, -log(-log(u)).", R"(
    shape (list(int), optional): of the result.
    dtype (Dtype, optional): float32, float16 or bfloat16.)",
          "the numbers.")
          .c_str());
  m.def(
      "laplace",
      [](const Shape& shape, Type dtype, float loc, float scale, const Key& key, const StreamOrDevice& s) {
        const array k = key_or_next(key);
        return random::laplace(shape, dtype.value_or(float32), loc, scale, k, s);
      },
      "shape"_a = Shape{}, "dtype"_a.none() = float32, "loc"_a = 0.0, "scale"_a = 1.0, "key"_a = nb::none(),
      "stream"_a = nb::none(),
      nb::sig("def laplace(shape: Sequence[int] = [], dtype: Dtype | None = float32, loc: float = 0.0, scale: float = "
              "1.0, key: array | None = None, stream: StreamOrDevice = None) -> array"),
      doc("Laplace-distributed random numbers.", R"(
    shape (list(int), optional): of the result.
    dtype (Dtype, optional): float32, float16 or bfloat16.
    loc, scale (float, optional): mean and scale.)",
          "the numbers.")
          .c_str());
}

void def_discrete(nb::module_& m) {
  m.def(
      "randint",
      [](const Operand& low, const Operand& high, const Shape& shape, Type dtype, const Key& key,
         const StreamOrDevice& s) {
        const array k = key_or_next(key);
        return random::randint(to_array(low), to_array(high), shape, dtype.value_or(int32), k, s);
      },
      "low"_a, "high"_a, "shape"_a = Shape{}, "dtype"_a.none() = int32, "key"_a = nb::none(),
      "stream"_a = nb::none(),
      nb::sig("def randint(low: scalar | array, high: scalar | array, shape: Sequence[int] = [], dtype: Dtype | None = "
              "int32, key: array | None = None, stream: StreamOrDevice = None) -> array"),
      doc("Random integers in [low, high).", R"(
    low, high (scalar or array): the bounds; arrays must broadcast to ``shape``.
    shape (list(int), optional): of the result.
    dtype (Dtype, optional): an integer type or bool.)",
          "the integers.")
          .c_str());
  m.def(
      "bernoulli",
      [](const Operand& p, const std::optional<Shape>& shape, const Key& key, const StreamOrDevice& s) {
        const array k = key_or_next(key);
        const array probability = to_array(p);
        return random::bernoulli(probability, shape ? *shape : probability.shape(), k, s);
      },
      "p"_a = 0.5, "shape"_a = nb::none(), "key"_a = nb::none(), "stream"_a = nb::none(),
      nb::sig("def bernoulli(p: scalar | array = 0.5, shape: Sequence[int] | None = None, key: array | None = None, "
              "stream: StreamOrDevice = None) -> array"),
      doc("Random booleans.", R"(
    p (float or array, optional): the probability of True; an array must broadcast to ``shape``.
    shape (list(int), optional): of the result; that of ``p`` by default.)",
          "bool.")
          .c_str());
  m.def(
      "categorical",
      [](const array& logits, int axis, const std::optional<Shape>& shape, std::optional<int> num_samples,
         const Key& key, const StreamOrDevice& s) {
        const array k = key_or_next(key);
        if (shape && num_samples) value_error("[categorical] Give at most one of shape and num_samples.");
        if (shape) return random::categorical(logits, axis, *shape, k, s);
        if (num_samples) return random::categorical(logits, axis, *num_samples, k, s);
        return random::categorical(logits, axis, k, s);
      },
      "logits"_a, "axis"_a = -1, "shape"_a = nb::none(), "num_samples"_a = nb::none(), "key"_a = nb::none(),
      "stream"_a = nb::none(),
      nb::sig("def categorical(logits: array, axis: int = -1, shape: Sequence[int] | None = None, num_samples: int | "
              "None = None, key: array | None = None, stream: StreamOrDevice = None) -> array"),
      doc("Random categories with the probabilities softmax(logits).", R"(
    logits (array): unnormalised log probabilities along ``axis``.
    axis (int, optional): the axis of the categories.
    shape (list(int), optional): of the result; the shape of logits without the axis must broadcast to it.
    num_samples (int, optional): how many to draw from each distribution, in a new last axis.)",
          "uint32.")
          .c_str());
  m.def(
      "permutation",
      [](const std::variant<nb::int_, array>& x, int axis, const Key& key, const StreamOrDevice& s) {
        const array k = key_or_next(key);
        if (auto* n = std::get_if<nb::int_>(&x)) return random::permutation(nb::cast<int>(*n), k, s);
        return random::permutation(std::get<array>(x), axis, k, s);
      },
      "x"_a, "axis"_a = 0, "key"_a = nb::none(), "stream"_a = nb::none(),
      nb::sig("def permutation(x: int | array, axis: int = 0, key: array | None = None, stream: StreamOrDevice = None) "
              "-> array"),
      doc("A random permutation of range(x), or the entries of an array in random order.", R"(
    x (int or array): how many, or the array to shuffle.
    axis (int, optional): the axis to shuffle along.)",
          "uint32 of shape (x,), or an array like ``x``.")
          .c_str());
}

}  // namespace

void init_random(nb::module_& parent) {
  auto m = parent.def_submodule("random", "Random numbers.");
  def_keys(m);
  def_continuous(m);
  def_discrete(m);
  // The main thread's key must not outlive the interpreter.
  nb::module_::import_("atexit").attr("register")(nb::cpp_function([] { random::forget_state(); }));
}

}  // namespace mlx_rocm::python
