#pragma once

#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <typeinfo>
#include <variant>

#include "backend/core/archive.h"
#include "backend/core/array.h"
#include "backend/core/error.h"

namespace mlx_rocm {

// A parameter of an op in general form, for graph dumps and export callbacks.
using Parameter =
    std::variant<std::monostate, bool, int64_t, double, std::string, Dtype, std::vector<int64_t>, std::vector<double>>;

template <class T>
Parameter to_parameter(const T& v) {
  if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, Dtype> || std::is_same_v<T, std::string>) {
    return v;
  } else if constexpr (std::is_enum_v<T> || std::is_integral_v<T>) {
    return int64_t(v);
  } else if constexpr (std::is_floating_point_v<T>) {
    return double(v);
  } else if constexpr (requires { v.has_value(); }) {
    return v ? to_parameter(*v) : Parameter{};
  } else if constexpr (requires { std::begin(v); requires std::is_integral_v<typename T::value_type>; }) {
    return std::vector<int64_t>(v.begin(), v.end());
  } else if constexpr (requires { std::begin(v); requires std::is_floating_point_v<typename T::value_type>; }) {
    return std::vector<double>(v.begin(), v.end());
  } else {
    return {};
  }
}

// One operation: its rule, how it runs, how it differentiates and how it batches. See docs/adding-an-op.md.
class Op : public RefCounted {
 public:
  virtual ~Op() = default;
  static void destroy(Op* op) { delete op; }

  virtual const char* name() const = 0;
  // Shapes and dtypes of the outputs; checks the inputs and throws ValueError/TypeError naming the op.
  virtual std::vector<Spec> infer(const Arrays& in) const = 0;

  // Runs on the CPU. Inputs are evaluated; the op gives each output its memory (allocate or share) and fills it.
  virtual void cpu(const Arrays& in, const Arrays& out) = 0;
  // Launches on the GPU device, see backend/gpu/gpu.h. By default a view runs as on the CPU, and other ops say that they
  // have no kernel.
  virtual void gpu(const Arrays& in, const Arrays& out);
  // cpu() only shares the inputs' memory and looks at no element.
  virtual bool is_view() const { return false; }

  // One cotangent per entry of argnums.
  virtual Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
                     const Arrays& outputs);
  // One tangent per output; tangents[i] belongs to primals[argnums[i]].
  virtual Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums);
  // Batched form: axes[i] is the batch axis of inputs[i] or -1. Returns outputs and their batch axes.
  virtual std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes);

  // Same op with the same parameters: what common subexpressions and the compile cache ask.
  virtual bool equals(const Op& other) const = 0;
  virtual void save(Writer& w) const = 0;
  // True for stop_gradient: derivatives do not look behind it.
  virtual bool blocks_gradient() const { return false; }
  // The input that an output is identical to (copy, stop_gradient), or -1. Compiled programs leave such ops out.
  virtual int forwards(int /*output*/, int /*num_inputs*/) const { return -1; }
  virtual std::vector<Parameter> parameters() const { return {}; }
  // A name for graph dumps.
  virtual std::string describe() const { return name(); }
};

// Base of ops: Self gives `static constexpr const char* kName` and, when it has parameters,
// `static auto fields(auto& self) { return std::tie(self.axis, ...); }`, from which equality and export follow.
template <class Self, class Base = Op>
class OpBase : public Base {
 public:
  using Base::Base;
  static auto fields(auto&) { return std::tuple<>(); }

  const char* name() const override { return Self::kName; }
  bool equals(const Op& other) const override {
    return typeid(other) == typeid(Self) &&
           Self::fields(static_cast<const Self&>(*this)) == Self::fields(static_cast<const Self&>(other));
  }
  void save(Writer& w) const override {
    std::apply([&](const auto&... f) { (w(f), ...); }, Self::fields(static_cast<const Self&>(*this)));
  }
  std::vector<Parameter> parameters() const override {
    return std::apply([](const auto&... f) { return std::vector<Parameter>{to_parameter(f)...}; },
                      Self::fields(static_cast<const Self&>(*this)));
  }
};

// The registry: import looks ops up by name, and a test asks that every one of them has a case.
using OpLoader = std::function<Ref<Op>(Reader&)>;
std::map<std::string, OpLoader>& op_registry();

template <class T>
struct RegisterOp {
  RegisterOp() {
    op_registry()[T::kName] = [](Reader& r) {
      auto op = make_ref<T>();
      std::apply([&](auto&... f) { (r(f), ...); }, T::fields(*op));
      return Ref<Op>(op);
    };
  }
};
// At namespace scope in the op's file: lets import_function rebuild the op (which must be default-constructible).
#define REGISTER_OP(Type) static const ::mlx_rocm::RegisterOp<Type> register_##Type;

// Applies an op: infers, builds the lazy nodes and returns the outputs.
Arrays apply_multi(Ref<Op> op, Arrays inputs, const StreamOrDevice& s = {});
array apply(Ref<Op> op, Arrays inputs, const StreamOrDevice& s = {});
// As apply_multi, for outputs that are known already.
Arrays apply_as(Ref<Op> op, Arrays inputs, Stream s, std::vector<Spec> specs);

template <class T, class... Args>
Ref<Op> op(Args&&... args) {
  return Ref<Op>(new T(std::forward<Args>(args)...));
}

// While alive, ops built on this thread without an explicit stream go to `s`. The transforms use it, so that
// derivative and batching rules need not pass streams along.
class StreamScope {
 public:
  explicit StreamScope(Stream s);
  ~StreamScope();

 private:
  const Stream* previous_;
  Stream stream_;
};
const Stream* scoped_stream();

// What is being traced on this thread.
enum class Tracing { grad, vmap, compile };
class TraceScope {
 public:
  explicit TraceScope(Tracing kind, bool shapeless = false);
  ~TraceScope();

 private:
  Tracing kind_;
  bool shapeless_;
  uint32_t enclosing_;
};
// Nodes remember under which compile trace they were built (Node::trace); 0 is none.
uint32_t current_trace();
bool in_tracing();                 // any transform
bool in_opaque_tracing();          // one that cannot see values: vmap or compile
bool in_shapeless_tracing();       // compile(shapeless=True) or shapeless export

}  // namespace mlx_rocm
