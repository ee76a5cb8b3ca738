#include "backend/transforms/compiled.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "backend/core/error.h"
#include "backend/ops/ops.h"
#include "backend/transforms/vmap.h"

namespace mlx_rocm {
namespace {

bool is_astype(const Op& op) { return std::strcmp(op.name(), "astype") == 0; }

// Ops that return one of their operands, exactly: nothing to round.
bool exact(int id) {
  switch (id) {
    case cpu::id_select:
    case cpu::id_negative:
    case cpu::id_abs:
    case cpu::id_maximum:
    case cpu::id_minimum: return true;
    default: return false;  // every other op computes
  }
}

std::string camel_case(const char* name) {
  std::string out;
  bool start = true;
  for (; *name; ++name) {
    if (*name == '_') {
      start = true;
      continue;
    }
    out += start ? char(std::toupper(*name)) : *name;
    start = false;
  }
  return out;
}

// Translates steps to tile instructions. Results of half type are rounded to it at once, as they would be on their
// way through memory: a compiled function gives the bits that the ops give one by one.
class TileBuilder {
 public:
  TileBuilder(const Program& p, const std::vector<bool>& single) : p_(p), reg_(p.values.size(), -1) {
    for (int i = 0; i < p.num_inputs; ++i) add_input(i, single[i]);
    for (const auto& c : p.constants) add_input(c.first, true);
  }

  cpu::TileProgram build() {
    for (const Program::Step& s : p_.steps) add_step(s);
    const int inputs = int(t_.inputs.size());
    for (int v : p_.outputs) {
      int r = reg_[v];
      Dtype d = p_.values[v].dtype;
      cpu::Compute c = cpu::compute_type(d);
      // Outputs need registers of their own: an input's memory may be given to another output.
      if (r < inputs || uniform_[r]) r = emit(cpu::convert_fn(c, c), {r}, c, false);
      t_.outputs.push_back({r, d});
    }
    cpu::allocate_registers(t_);
    return std::move(t_);
  }

 private:
  void add_input(int v, bool single) {
    reg_[v] = t_.input(p_.values[v].dtype);
    uniform_.push_back(single);
  }

  int emit(cpu::BlockFn fn, std::initializer_list<int> in, cpu::Compute result, bool may_be_uniform = true) {
    bool uniform = may_be_uniform;
    for (int r : in) uniform = uniform && uniform_[r];
    int r = t_.emit(fn, in);
    t_.code.back().size = uint8_t(cpu::compute_size(result));
    t_.code.back().uniform = uniform;
    uniform_.push_back(uniform);
    return r;
  }

  int rounded(int r, Dtype d) {
    if (!is_half(d)) return r;
    const auto& t = cpu::elementwise_table();
    return emit(d == float16 ? t.round_f16 : t.round_bf16, {r}, cpu::Compute::f32);
  }

  void add_step(const Program::Step& s) {
    int out = s.first_output;
    Dtype to = p_.values[out].dtype;
    if (is_broadcast(*s.op)) {
      reg_[out] = reg_[s.inputs[0]];
    } else if (is_astype(*s.op)) {
      cpu::Compute a = cpu::compute_type(p_.values[s.inputs[0]].dtype), b = cpu::compute_type(to);
      int r = reg_[s.inputs[0]];
      if (a != b) r = emit(cpu::convert_fn(a, b), {r}, b);
      reg_[out] = rounded(r, to);
    } else {
      int id = elementwise_id(*s.op);
      cpu::Compute c = cpu::compute_type(p_.values[s.inputs.size() == 3 ? s.inputs[1] : s.inputs[0]].dtype);
      int a = reg_[s.inputs[0]];
      int b = s.inputs.size() > 1 ? reg_[s.inputs[1]] : a;
      cpu::Compute result = cpu::compute_type(to);
      int r = s.inputs.size() == 3 ? emit(cpu::block_fn(id, c), {a, b, reg_[s.inputs[2]]}, result)
                                   : emit(cpu::block_fn(id, c), {a, b}, result);
      reg_[out] = exact(id) ? r : rounded(r, to);
    }
  }

  const Program& p_;
  cpu::TileProgram t_;
  std::vector<int> reg_;
  std::vector<bool> uniform_;
};

// The program as statements over the values' compute types, for backend/gpu/pointwise.h. Results of half type are rounded as in
// the tile program. Constants are inputs behind the program's own.
gpu::Pointwise make_pointwise(const Program& p) {
  std::vector<std::string> names(p.values.size());
  std::vector<Dtype> inputs, outputs;
  auto input = [&](int v) {
    names[v] = "x" + std::to_string(inputs.size());
    inputs.push_back(p.values[v].dtype);
  };
  for (int v = 0; v < p.num_inputs; ++v) input(v);
  for (const auto& c : p.constants) input(c.first);
  std::string body;
  for (const Program::Step& s : p.steps) {
    const int out = s.first_output;
    const Dtype to = p.values[out].dtype;
    const std::string& a = names[s.inputs[0]];
    if (is_broadcast(*s.op)) {
      names[out] = a;
      continue;
    }
    std::string e;
    bool rounds = is_half(to);
    if (is_astype(*s.op)) {
      e = "convert<" + std::string(gpu::compute_name(to)) + ">(" + a + ")";
    } else {
      const int id = elementwise_id(*s.op);
      e = gpu::functor(id) + "(" + a;
      for (size_t i = 1; i < s.inputs.size(); ++i) e += ", " + names[s.inputs[i]];
      e += ")";
      rounds = rounds && !exact(id);
    }
    if (rounds) e = "rounded<" + std::string(gpu::type_name(to)) + ">(" + e + ")";
    names[out] = "t" + std::to_string(out);
    body += "  const " + std::string(gpu::compute_name(to)) + " " + names[out] + " = " + e + ";\n";
  }
  for (size_t k = 0; k < p.outputs.size(); ++k) {
    body += "  y" + std::to_string(k) + " = " + names[p.outputs[k]] + ";\n";
    outputs.push_back(p.values[p.outputs[k]].dtype);
  }
  return gpu::Pointwise(std::move(inputs), std::move(outputs), std::move(body));
}

std::string make_key(const Program& p) {
  std::string key;
  auto put = [&](auto x) { key += std::to_string(x) + ","; };
  for (int i = 0; i < p.num_inputs; ++i) put(int(p.values[i].dtype.val));
  for (const auto& [v, a] : p.constants) {
    uint64_t bits = 0;
    std::memcpy(&bits, a.bytes(), a.itemsize());
    key += "c";
    put(v), put(int(a.dtype().val)), put(bits);
  }
  for (const Program::Step& s : p.steps) {
    key += s.op->name();
    put(int(p.values[s.first_output].dtype.val));
    for (int v : s.inputs) put(v);
  }
  key += "o";
  for (int v : p.outputs) put(v);
  return key;
}

// Runs the steps one after another: where they cannot run as one.
template <class Run>
void run_steps(const Program& p, const Arrays& in, const Arrays& out, Run run) {
  Arrays at(p.values.size());
  for (size_t i = 0; i < in.size(); ++i) at[i] = in[i];
  for (const auto& [v, a] : p.constants) at[v] = a;
  for (size_t k = 0; k < out.size(); ++k) at[p.outputs[k]] = out[k];
  for (const Program::Step& s : p.steps) {
    Arrays inputs;
    for (int v : s.inputs) inputs.push_back(at[v]);
    array& result = at[s.first_output];
    if (result.is_null()) {
      Spec spec = s.op->infer(inputs)[0];
      result = array(make_ref<Node>(spec.shape, spec.dtype));
    }
    run(*s.op, inputs, Arrays{result});
  }
}

}  // namespace

bool is_broadcast(const Op& op) { return std::strcmp(op.name(), "broadcast") == 0; }
bool is_fusable(const Op& op) { return elementwise_id(op) >= 0 || is_astype(op) || is_broadcast(op); }

Compiled::Compiled(Program program) : program_(std::move(program)), description_("Compiled") {
  for (const Program::Step& s : program_.steps) description_ += camel_case(s.op->name());
  for (const auto& c : program_.constants) constants_.push_back(c.second);
  key_ = make_key(program_);
}

uint64_t Compiled::hash() const {
  uint64_t h = 0xcbf29ce484222325ull;  // FNV-1a: the same in every process
  for (unsigned char c : key_) h = (h ^ c) * 0x100000001b3ull;
  return h;
}

std::vector<Spec> Compiled::infer(const Arrays& in) const {
  Arrays at(program_.values.size());
  for (size_t i = 0; i < in.size(); ++i) at[i] = in[i];
  for (const auto& [v, a] : program_.constants) at[v] = a;
  for (const Program::Step& s : program_.steps) {
    Arrays inputs;
    for (int v : s.inputs) inputs.push_back(at[v]);
    Spec spec = s.op->infer(inputs)[0];
    at[s.first_output] = array(make_ref<Node>(std::move(spec.shape), spec.dtype));
  }
  std::vector<Spec> specs;
  for (int v : program_.outputs) specs.push_back(at[v].spec());
  return specs;
}

const cpu::TileProgram& Compiled::tiles(const std::vector<bool>& single) {
  if (!tiles_ || tiles_single_ != single) {
    tiles_ = std::make_unique<cpu::TileProgram>(TileBuilder(program_, single).build());
    tiles_single_ = single;
  }
  return *tiles_;
}

// Shapes that were equal when traced may differ in shapeless replays.
static bool one_shape(const Arrays& out) {
  return std::all_of(out.begin(), out.end(), [&](const array& o) { return o.shape() == out[0].shape(); });
}

void Compiled::cpu(const Arrays& in, const Arrays& out) {
  if (!one_shape(out)) {
    return run_steps(program_, in, out, [](Op& op, const Arrays& i, const Arrays& o) { op.cpu(i, o); });
  }
  std::vector<bool> single(in.size());
  for (size_t i = 0; i < in.size(); ++i) single[i] = in[i].size() == 1;
  cpu::run_tiles(tiles(single), in, out, constants_);
}

const gpu::Pointwise& Compiled::pointwise() {
  if (!pointwise_) pointwise_ = std::make_unique<gpu::Pointwise>(make_pointwise(program_));
  return *pointwise_;
}

void Compiled::gpu(const Arrays& in, const Arrays& out) {
  // A kernel takes its operands in registers and in 4 KB of arguments.
  constexpr size_t kMostOperands = 24;
  if (!one_shape(out) || in.size() + constants_.size() + out.size() > kMostOperands) {
    return run_steps(program_, in, out, [](Op& op, const Arrays& i, const Arrays& o) { op.gpu(i, o); });
  }
  if (constants_.empty()) return pointwise()(in, out);
  Arrays all = in;
  all.insert(all.end(), constants_.begin(), constants_.end());
  pointwise()(all, out);
}

Arrays Compiled::vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
                     const Arrays&) {
  auto f = [this](const Arrays& in) { return replay(program_, in, true); };
  return mlx_rocm::vjp(f, primals, cotangents, argnums).second;
}

Arrays Compiled::jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) {
  auto f = [this](const Arrays& in) { return replay(program_, in, true); };
  Arrays all;
  for (const array& p : primals) all.push_back(zeros_like(p));
  for (size_t i = 0; i < argnums.size(); ++i) all[argnums[i]] = tangents[i];
  return mlx_rocm::jvp(f, primals, all).second;
}

std::pair<Arrays, std::vector<int>> Compiled::vmap(const Arrays& inputs, const std::vector<int>& axes) {
  auto f = [this](const Arrays& in) { return replay(program_, in, true); };
  std::vector<int> out_axes(program_.outputs.size(), 0);
  return {mlx_rocm::vmap(f, inputs, axes, [&](const Arrays&) { return out_axes; }), out_axes};
}

bool Compiled::equals(const Op& other) const {
  auto* o = dynamic_cast<const Compiled*>(&other);
  return o && o->key_ == key_;
}

void Compiled::save(Writer&) const { runtime_error("[export_function] Compiled groups are not exported."); }

}  // namespace mlx_rocm
