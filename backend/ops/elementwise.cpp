// Elementwise ops: one generic op class over the rows of elementwise.def.
#include "backend/ops/elementwise.h"

#include <array>

#include "backend/core/op.h"
#include "backend/cpu/tile.h"
#include "backend/gpu/pointwise.h"
#include "backend/ops/ops.h"
#include "backend/ops/vmap_rules.h"

namespace mlx_rocm {
namespace {

enum class Inputs { Keep, Float, Bool, PassIntegers, PassReals, ZeroReals, Shift };
enum class Output { Same, Bool, Real };

// A derivative column: most are expressions, the common constants avoid building graphs.
struct Zero {};
struct One {};
struct MinusOne {};
struct ComplexLinear {};  // conjugate, real, imag: see complex_part_vjp
struct Partial {
  enum Kind { zero, one, minus_one, complex_linear, expression } kind = zero;
  array (*fn)(const array& a, const array& b, const array& y) = nullptr;
};
template <class F>
Partial partial(F f) {
  using R = decltype(f(std::declval<array>(), std::declval<array>(), std::declval<array>()));
  if constexpr (std::is_same_v<R, Zero>) return {Partial::zero};
  if constexpr (std::is_same_v<R, One>) return {Partial::one};
  if constexpr (std::is_same_v<R, MinusOne>) return {Partial::minus_one};
  if constexpr (std::is_same_v<R, ComplexLinear>) return {Partial::complex_linear};
  if constexpr (std::is_same_v<R, array>) return {Partial::expression, f};
}

struct Row {
  ElementwiseInfo info;
  Inputs inputs;
  Output output;
  Partial partials[2];
};

array cast_like(const array& a, const array& like) { return astype(a, like.dtype()); }
array power_by_base(const array& a, const array& b) { return power(a, b - 1.0) * b; }
array power_by_exponent(const array& a, const array& /*b*/, const array& y) {
  // 0^b stays 0 for b > 0, where log(0) * 0 would be NaN.
  return where(y, log(a) * y, zeros_like(y));
}

const std::vector<Row>& rows() {
  static const std::vector<Row>& table = *[] {
    auto* made = new std::vector<Row>;  // never destroyed, see op_of
    std::vector<Row>& t = *made;
#define ZERO Zero{}
#define ONE One{}
#define MINUS_ONE MinusOne{}
#define COMPLEX_LINEAR ComplexLinear{}
#define EXPRESSION(e) \
  partial([]([[maybe_unused]] const array& a, [[maybe_unused]] const array& b, [[maybe_unused]] const array& y) { return e; })
#define UNARY_EXPRESSION(e) \
  partial([]([[maybe_unused]] const array& x, const array&, [[maybe_unused]] const array& y) { return e; })
#define UNARY(name, Functor, kinds, inputs, output, derivative, doc) \
  t.push_back({{#name, cpu::id_##name, 1, doc}, Inputs::inputs, Output::output, {UNARY_EXPRESSION(derivative), {}}});
#define BINARY(name, Functor, kinds, inputs, output, da, db, doc) \
  t.push_back({{#name, cpu::id_##name, 2, doc}, Inputs::inputs, Output::output, {EXPRESSION(da), EXPRESSION(db)}});
#include "backend/ops/elementwise.def"
#undef UNARY
#undef BINARY
#undef UNARY_EXPRESSION
#undef EXPRESSION
#undef ZERO
#undef ONE
#undef MINUS_ONE
#undef COMPLEX_LINEAR
    return made;
  }();
  return table;
}

class Elementwise : public Op {
 public:
  explicit Elementwise(const Row& row) : row_(row) {}
  const char* name() const override { return row_.info.name; }
  int id() const { return row_.info.id; }

  std::vector<Spec> infer(const Arrays& in) const override {
    Shape shape = in[0].shape();
    for (size_t i = 1; i < in.size(); ++i) shape = broadcast_shapes(shape, in[i].shape(), name());
    Dtype d = in[0].dtype();
    if (row_.output == Output::Bool) d = bool_;
    if (row_.output == Output::Real && d == complex64) d = float32;
    return {{std::move(shape), d}};
  }

  void cpu(const Arrays& in, const Arrays& out) override {
    cpu::run_tiles(program(in[0].dtype(), out[0].dtype()), in, out);
  }
  void gpu(const Arrays& in, const Arrays& out) override {
    gpu::pointwise_op(id(), in[0].dtype(), out[0].dtype())(in, out);
  }

  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays& outputs) override {
    Arrays result;
    for (int arg : argnums) {
      const array& primal = primals[arg];
      array g = pull(primals, cotangents[0], arg, outputs[0]);
      result.push_back(unbroadcast(g, primal));
    }
    return result;
  }

  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    array y = apply(Ref<Op>(this), primals);
    array total;
    for (size_t i = 0; i < argnums.size(); ++i) {
      array t = push(primals, tangents[i], argnums[i], y);
      total = total.is_null() ? t : total + t;
    }
    return {total.shape() == y.shape() ? total : broadcast_to(total, y.shape())};
  }

  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    return {{apply(Ref<Op>(this), align_batch_axes(inputs, axes))}, {0}};
  }

  bool equals(const Op& other) const override {
    auto* o = dynamic_cast<const Elementwise*>(&other);
    return o && &o->row_ == &row_;
  }
  void save(Writer&) const override {}

 private:
  const cpu::TileProgram& program(Dtype in, Dtype out) const {
    // Built once per op and dtype; a lost race leaks one small program.
    static std::array<std::array<std::atomic<const cpu::TileProgram*>, Dtype::count>, cpu::num_elementwise> cache{};
    auto& slot = cache[id()][in.val];
    if (auto* p = slot.load(std::memory_order_acquire)) return *p;
    auto* p = new cpu::TileProgram;
    int a = p->input(in), b = row_.info.arity == 2 ? p->input(in) : a;
    int y = p->emit(cpu::block_fn(id(), cpu::compute_type(in)), {a, b});
    p->outputs.push_back({y, out});
    slot.store(p, std::memory_order_release);
    return *p;
  }

  // Cotangent of an input. For complex numbers the vjp multiplies by the conjugate of what the jvp multiplies by.
  array pull(const Arrays& primals, const array& cotangent, int arg, const array& y) const {
    const array& x = primals[arg];
    switch (row_.partials[arg].kind) {
      case Partial::zero: return zeros_like(x);
      case Partial::one: return cotangent;
      case Partial::minus_one: return negative(cotangent);
      case Partial::complex_linear: {
        if (id() == cpu::id_conjugate) return conjugate(cotangent);
        array g = astype(cotangent, complex64);
        return id() == cpu::id_real ? g : g * array::scalar(complex64_t{0, 1});
      }
      case Partial::expression: break;
    }
    array d = row_.partials[arg].fn(primals[0], primals.back(), y);
    if (d.dtype() == complex64 && row_.output == Output::Same) d = conjugate(d);
    return multiply(d, cotangent);
  }

  array push(const Arrays& primals, const array& tangent, int arg, const array& y) const {
    switch (row_.partials[arg].kind) {
      // Comparisons keep the tangent's type: a bool tangent would be of no use downstream.
      case Partial::zero: return row_.output == Output::Bool ? zeros(y.shape(), tangent.dtype()) : zeros_like(y);
      case Partial::one: return tangent;
      case Partial::minus_one: return negative(tangent);
      case Partial::complex_linear: return apply(Ref<Op>(const_cast<Elementwise*>(this)), {tangent});
      case Partial::expression: break;
    }
    array d = row_.partials[arg].fn(primals[0], primals.back(), y);
    if (row_.output == Output::Real && d.dtype() == complex64) return real(conjugate(d) * tangent);  // abs
    return multiply(tangent, d);
  }

  const Row& row_;
};

// One shared op object per row: elementwise ops have no parameters.
const Ref<Op>& op_of(int id) {
  // Never destroyed: another thread may be at work while the process ends.
  static const auto& ops = *[] {
    auto* v = new std::vector<Ref<Op>>;
    for (const Row& r : rows()) v->push_back(op<Elementwise>(r));
    return v;
  }();
  return ops[id];
}

struct RegisterRows {
  RegisterRows() {
    for (const Row& r : rows()) {
      op_registry()[r.info.name] = [id = r.info.id](Reader&) { return op_of(id); };
    }
  }
} register_rows;

bool supported(int id, Dtype d) {
  return cpu::elementwise_table().op[id][int(cpu::compute_type(d))] != nullptr;
}

array unary(int id, const array& a, const StreamOrDevice& s) {
  const Row& r = rows()[id];
  Dtype d = a.dtype();
  switch (r.inputs) {
    case Inputs::Keep: break;
    case Inputs::Shift: break;
    case Inputs::Float: d = at_least_float(d); break;
    case Inputs::Bool: d = bool_; break;
    case Inputs::PassIntegers:
      if (!is_inexact(d)) return a;
      break;
    case Inputs::PassReals:
      if (!is_complex(d)) return a;
      break;
    case Inputs::ZeroReals:
      if (!is_complex(d)) return zeros_like(a, s);
      break;
  }
  if (!supported(id, d)) value_error("[", r.info.name, "] Not supported for ", d, ".");
  return apply(op_of(id), {astype(a, d, s)}, s);
}

array binary(int id, const array& a, const array& b, const StreamOrDevice& s) {
  const Row& r = rows()[id];
  Dtype d = promote_types(a.dtype(), b.dtype());
  if (r.inputs == Inputs::Float) d = at_least_float(d);
  if (r.inputs == Inputs::Bool) d = bool_;
  if (r.inputs == Inputs::Shift && d == bool_) d = uint8;
  if (!supported(id, d)) {
    value_error("[", r.info.name, "] Not supported for ", a.dtype(), " and ", b.dtype(), ".");
  }
  return apply(op_of(id), {astype(a, d, s), astype(b, d, s)}, s);
}

// --- where

class Select : public OpBase<Select> {
 public:
  static constexpr const char* kName = "select";
  std::vector<Spec> infer(const Arrays& in) const override {
    return {{broadcast_shapes(broadcast_shapes(in[0].shape(), in[1].shape(), "where"), in[2].shape(), "where"),
             in[1].dtype()}};
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    cpu::TileProgram p;
    Dtype d = in[1].dtype();
    int c = p.input(bool_), a = p.input(d), b = p.input(d);
    p.outputs.push_back({p.emit(cpu::block_fn(cpu::id_select, cpu::compute_type(d)), {c, a, b}), d});
    cpu::run_tiles(p, in, out);
  }
  void gpu(const Arrays& in, const Arrays& out) override {
    gpu::pointwise_op(cpu::id_select, in[1].dtype(), out[0].dtype())(in, out);
  }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays&) override {
    Arrays result;
    array zero = array::scalar(0, cotangents[0].dtype());
    for (int arg : argnums) {
      const array& g = cotangents[0];
      array d = arg == 0   ? zeros_like(primals[0])
                : arg == 1 ? where(primals[0], g, zero)
                           : where(primals[0], zero, g);
      result.push_back(unbroadcast(d, primals[arg]));
    }
    return result;
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    array ta = zeros_like(primals[1]), tb = zeros_like(primals[2]);
    for (size_t i = 0; i < argnums.size(); ++i) {
      if (argnums[i] == 1) ta = tangents[i];
      if (argnums[i] == 2) tb = tangents[i];
    }
    return {where(primals[0], ta, tb)};
  }
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    return {{apply(Ref<Op>(this), align_batch_axes(inputs, axes))}, {0}};
  }
};
REGISTER_OP(Select)

array like(double v, const array& a) { return array::scalar(v, a.dtype()); }

}  // namespace

#define UNARY(name, ...) \
  array name(const array& a, const StreamOrDevice& s) { return unary(cpu::id_##name, a, s); }
#define BINARY(name, ...) \
  array name(const array& a, const array& b, const StreamOrDevice& s) { return binary(cpu::id_##name, a, b, s); }
#include "backend/ops/elementwise.def"
#undef UNARY
#undef BINARY

array reciprocal(const array& a, const StreamOrDevice& s) {
  Dtype d = at_least_float(a.dtype());
  return divide(array::scalar(1.0, d), a, s);
}

array where(const array& condition, const array& a, const array& b, const StreamOrDevice& s) {
  Dtype d = promote_types(a.dtype(), b.dtype());
  return apply(op<Select>(), {astype(condition, bool_, s), astype(a, d, s), astype(b, d, s)}, s);
}

array logical_xor(const array& a, const array& b, const StreamOrDevice& s) {
  return not_equal(astype(a, bool_, s), astype(b, bool_, s), s);
}

array operator+(const array& a, double b) { return add(a, like(b, a)); }
array operator-(const array& a, double b) { return subtract(a, like(b, a)); }
array operator-(double a, const array& b) { return subtract(like(a, b), b); }
array operator*(const array& a, double b) { return multiply(a, like(b, a)); }
array operator/(const array& a, double b) { return divide(a, like(b, a)); }

const std::vector<ElementwiseInfo>& elementwise_infos() {
  static const std::vector<ElementwiseInfo> infos = [] {
    std::vector<ElementwiseInfo> v;
    for (const Row& r : rows()) v.push_back(r.info);
    return v;
  }();
  return infos;
}

int elementwise_id(const Op& op) {
  const std::type_info& type = typeid(op);
  if (type == typeid(Elementwise)) return static_cast<const Elementwise&>(op).id();
  return type == typeid(Select) ? cpu::id_select : -1;
}

array unbroadcast(const array& cotangent, const Shape& shape) {
  if (cotangent.shape() == shape) return cotangent;
  Axes axes;
  int lead = cotangent.ndim() - int(shape.size());
  if (lead < 0) return broadcast_to(cotangent, shape);
  for (int i = 0; i < cotangent.ndim(); ++i) {
    if (i < lead || (shape[i - lead] == 1 && cotangent.shape(i) != 1)) axes.push_back(i);
  }
  array g = axes.empty() ? cotangent : reshape(sum(cotangent, axes), Shape(shape));
  return g;
}

}  // namespace mlx_rocm
