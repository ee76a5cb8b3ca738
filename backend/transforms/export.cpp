#include "backend/transforms/export.h"

#include <cstring>

#include "backend/core/error.h"
#include "backend/cpu/tile.h"
#include "backend/transforms/eval.h"

namespace mlx_rocm {
namespace {

constexpr char kMagic[8] = {'M', 'L', 'X', 'R', 'O', 'C', 'M', 'F'};
constexpr uint32_t kVersion = 1;
constexpr std::streamoff kCountOffset = 16;  // of the number of traces
constexpr size_t kFixedHeader = 24;

thread_local int export_traces = 0;
struct ExportScope {
  ExportScope() { ++export_traces; }
  ~ExportScope() { --export_traces; }
};

uint64_t checksum(const char* data, size_t n, uint64_t h = 0xcbf29ce484222325ull) {
  auto mix = [&](uint64_t x) {
    h = (h ^ x) * 0x9fb21c651e98df25ull;
    h ^= h >> 32;
  };
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t x;
    std::memcpy(&x, data + i, 8);
    mix(x);
  }
  uint64_t rest = 0;
  std::memcpy(&rest, data + i, n - i);
  mix(rest ^ (uint64_t(n) << 56));
  return h;
}

template <class T>
void put(std::ostream& os, const T& v) {
  os.write(reinterpret_cast<const char*>(&v), sizeof(T));
}

void save(Writer& w, const Spec& s) {
  w(s.shape);
  w(s.dtype);
}
Spec load_spec(Reader& r) {
  Spec s;
  r(s.shape);
  r(s.dtype);
  for (int32_t d : s.shape) {
    if (d < 0) r.corrupt("a dimension is negative");
  }
  return s;
}

void save(Writer& w, const std::vector<int>& ids) {
  w(uint64_t(ids.size()));
  for (int v : ids) w(int32_t(v));
}
std::vector<int> load_ids(Reader& r, size_t bound) {
  auto n = r.read<uint64_t>();
  std::vector<int> ids;
  for (uint64_t i = 0; i < n; ++i) {
    auto v = r.read<int32_t>();
    if (v < 0 || size_t(v) >= bound) r.corrupt("a value number is out of range");
    ids.push_back(v);
  }
  return ids;
}

std::string text(const Signature& s) {
  std::string out = "(";
  for (size_t i = 0; i < s.inputs.size(); ++i) {
    if (i) out += ", ";
    if (i >= s.positional) out += s.keywords[i - s.positional] + "=";
    out += concat_text(s.inputs[i].dtype, s.inputs[i].shape);
  }
  return out + ")";
}

std::string file_contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) runtime_error("[import_function] Cannot open ", path, ".");
  std::string bytes(size_t(in.tellg()), '\0');
  in.seekg(0);
  in.read(bytes.data(), std::streamsize(bytes.size()));
  if (!in) runtime_error("[import_function] Cannot read ", path, ".");
  return bytes;
}

}  // namespace

bool in_export_tracing() { return export_traces > 0; }

Signature::Signature(const Arrays& args, const NamedArrays& kwargs) : positional(args.size()) {
  for (const array& a : args) inputs.push_back(a.spec());
  for (const auto& [name, a] : kwargs) {
    keywords.push_back(name);
    inputs.push_back(a.spec());
  }
}

bool Signature::matches(const Signature& call, bool shapeless) const {
  if (positional != call.positional || keywords != call.keywords) return false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Spec &a = inputs[i], &b = call.inputs[i];
    if (a.dtype != b.dtype || a.shape.size() != b.shape.size() || (!shapeless && !(a.shape == b.shape))) return false;
  }
  return true;
}

ExportedTrace trace_for_export(const NamedFunction& f, const Arrays& args, const NamedArrays& kwargs,
                               bool shapeless) {
  ExportedTrace t;
  t.signature = Signature(args, kwargs);
  Arrays inputs = args;
  for (const auto& [_, a] : kwargs) inputs.push_back(a);
  auto flat = [&](const Arrays& in) {
    NamedArrays named;
    size_t at = args.size();
    for (const auto& [name, _] : kwargs) named[name] = in[at++];
    return f(Arrays(in.begin(), in.begin() + args.size()), named);
  };
  ExportScope scope;
  t.program = trace_program(flat, inputs, shapeless, "export_function");
  simplify(t.program);
  return t;
}

// --- writing

FunctionExporter::FunctionExporter(std::string path, NamedFunction f, bool shapeless, std::string metadata)
    : path_(std::move(path)), f_(std::move(f)), shapeless_(shapeless) {
  file_.open(path_, std::ios::binary | std::ios::in | std::ios::out | std::ios::trunc);
  if (!file_) runtime_error("[export_function] Cannot write ", path_, ".");
  file_.write(kMagic, sizeof(kMagic));
  put(file_, kVersion);
  put(file_, uint32_t(shapeless));
  put(file_, uint64_t(0));
  Writer w;
  w(metadata);
  file_.write(w.bytes.data(), std::streamsize(w.bytes.size()));
  put(file_, checksum(w.bytes.data(), w.bytes.size(), kVersion * 2 + shapeless));
  file_.flush();
}

void FunctionExporter::write_record(char tag, const std::string& head, const char* data, size_t size) {
  put(file_, tag);
  put(file_, uint64_t(head.size()));
  put(file_, uint64_t(size));
  file_.write(head.data(), std::streamsize(head.size()));
  file_.write(data, std::streamsize(size));
  put(file_, checksum(data, size, checksum(head.data(), head.size(), uint64_t(tag))));
}

int FunctionExporter::constant_index(const array& a) {
  auto [it, fresh] = constants_.try_emplace(a.node(), int(constants_.size()));
  if (fresh) {
    kept_.push_back(a);
    eval({a});
    array dense = cpu::contiguous(a);
    Writer head;
    save(head, a.spec());
    write_record('C', head.bytes, dense.bytes(), dense.nbytes());
  }
  return it->second;
}

void FunctionExporter::operator()(const Arrays& args, const NamedArrays& kwargs) {
  if (closed_) runtime_error("[export_function] ", path_, " is closed: no trace can be added.");
  Signature signature(args, kwargs);
  for (const Signature& s : signatures_) {
    if (s.matches(signature, shapeless_)) {
      runtime_error("[export_function] The function was already exported for ", text(signature), ".");
    }
  }
  ExportedTrace t = trace_for_export(f_, args, kwargs, shapeless_);
  const Program& p = t.program;

  Writer w;
  w(uint64_t(signature.positional));
  w(signature.keywords);
  w(uint64_t(p.values.size()));
  for (const Spec& s : p.values) save(w, s);
  w(uint64_t(p.constants.size()));
  for (const auto& [v, a] : p.constants) {
    w(int32_t(v));
    w(int32_t(constant_index(a)));
  }
  w(uint64_t(p.steps.size()));
  for (const Program::Step& s : p.steps) {
    w(std::string(s.op->name()));
    Writer state;
    s.op->save(state);
    w(state.bytes);
    w(uint8_t(s.stream.device.type));
    // A device that is missing here has no default stream to compare with.
    bool usual = !is_available(s.stream.device) || s.stream == default_stream(s.stream.device);
    w(int32_t(usual ? -1 : s.stream.index));
    save(w, s.inputs);
    w(int32_t(s.first_output));
    w(int32_t(s.num_outputs));
  }
  save(w, p.outputs);
  write_record('T', w.bytes, nullptr, 0);

  ++traces_;
  file_.seekp(kCountOffset);
  put(file_, traces_);
  file_.seekp(0, std::ios::end);
  file_.flush();
  if (!file_) runtime_error("[export_function] Writing ", path_, " failed.");
  signatures_.push_back(std::move(signature));
}

void FunctionExporter::close() {
  closed_ = true;
  file_.close();
  kept_.clear();
  constants_.clear();
}

// --- reading

ImportedFunction::ImportedFunction(const std::string& path) : path_(path) {
  const std::string bytes = file_contents(path);
  const std::string what = "import_function: " + path;
  Reader r(bytes.data(), bytes.size(), what);
  if (bytes.size() < kFixedHeader || std::memcmp(bytes.data(), kMagic, sizeof(kMagic)) != 0) {
    runtime_error("[import_function] ", path, " is no exported function of this package.");
  }
  r.take(sizeof(kMagic));
  auto version = r.read<uint32_t>();
  if (version != kVersion) {
    runtime_error("[import_function] ", path, " has format version ", version, "; this package reads version ", kVersion,
                  ".");
  }
  auto shapeless = r.read<uint32_t>();
  if (shapeless > 1) r.corrupt("a flag is neither 0 nor 1");
  shapeless_ = shapeless == 1;
  auto count = r.read<uint64_t>();
  r(metadata_);
  Writer meta;
  meta(metadata_);
  if (r.read<uint64_t>() != checksum(meta.bytes.data(), meta.bytes.size(), kVersion * 2 + shapeless_)) {
    r.corrupt("the header's checksum is wrong");
  }

  Arrays constants;
  while (!r.done()) {
    char tag = *r.take(1);
    auto head_size = r.read<uint64_t>(), data_size = r.read<uint64_t>();
    const char* head = r.take(head_size);
    const char* data = r.take(data_size);
    if (r.read<uint64_t>() != checksum(data, data_size, checksum(head, head_size, uint64_t(tag)))) {
      r.corrupt("a checksum is wrong");
    }
    Reader body(head, head_size, what);
    if (tag == 'C') {
      Spec s = load_spec(body);
      array a = array::uninitialised(s.shape, s.dtype);
      if (a.nbytes() != data_size) r.corrupt("a constant has the wrong size");
      std::memcpy(a.bytes(), data, data_size);
      constants.push_back(std::move(a));
    } else if (tag == 'T') {
      traces_.push_back(read_trace(body, constants));
    } else {
      r.corrupt("a record is of unknown kind");
    }
  }
  if (traces_.size() != count) r.corrupt("traces are missing");
}

ImportedFunction::Imported ImportedFunction::read_trace(Reader& r, const Arrays& constants) {
  Imported out;
  Signature& signature = out.trace.signature;
  Program& p = out.trace.program;
  signature.positional = r.read<uint64_t>();
  r(signature.keywords);
  auto values = r.read<uint64_t>();
  for (uint64_t i = 0; i < values; ++i) p.values.push_back(load_spec(r));
  size_t inputs = signature.positional + signature.keywords.size();
  if (inputs > p.values.size()) r.corrupt("inputs are missing");
  p.num_inputs = int(inputs);
  signature.inputs.assign(p.values.begin(), p.values.begin() + p.num_inputs);

  std::vector<bool> known(p.values.size(), false);
  std::fill(known.begin(), known.begin() + p.num_inputs, true);
  auto define = [&](int64_t v) {
    if (v < 0 || size_t(v) >= known.size() || known[v]) r.corrupt("a value is defined twice or out of range");
    known[v] = true;
  };
  auto count = r.read<uint64_t>();
  for (uint64_t i = 0; i < count; ++i) {
    auto v = r.read<int32_t>(), c = r.read<int32_t>();
    define(v);
    if (c < 0 || size_t(c) >= constants.size()) r.corrupt("a constant is missing");
    p.constants.push_back({v, constants[c]});
  }
  auto check_known = [&](const std::vector<int>& ids) {
    for (int v : ids) {
      if (!known[v]) r.corrupt("a value is used before it is computed");
    }
  };
  count = r.read<uint64_t>();
  for (uint64_t i = 0; i < count; ++i) {
    auto name = r.read<std::string>();
    auto state = r.read<std::string>();
    auto loader = op_registry().find(name);
    if (loader == op_registry().end()) {
      runtime_error("[import_function] ", path_, " uses the op '", name, "', which this version does not have.");
    }
    Reader fields(state.data(), state.size(), "import_function: op " + name);
    Program::Step s;
    s.op = loader->second(fields);
    if (!fields.done()) fields.corrupt("it has more parameters than the op");
    auto device = r.read<uint8_t>();
    auto index = r.read<int32_t>();
    if (device > 1) r.corrupt("unknown device");
    s.inputs = load_ids(r, p.values.size());
    check_known(s.inputs);
    s.first_output = r.read<int32_t>();
    s.num_outputs = r.read<int32_t>();
    if (s.num_outputs < 1) r.corrupt("a step has no outputs");
    for (int k = 0; k < s.num_outputs; ++k) define(int64_t(s.first_output) + k);
    p.steps.push_back(std::move(s));

    // Streams keep their device where it exists; all that matters of their number is which of them are the same.
    std::pair<int, int> key{device, index};
    size_t slot = 0;
    while (slot < streams_.size() && streams_[slot].second != key) ++slot;
    if (slot == streams_.size()) {
      Device d(Device::Type(device) == Device::gpu && is_available(Device(Device::gpu)) ? Device::gpu : Device::cpu);
      streams_.push_back({index < 0 ? StreamOrDevice(d) : StreamOrDevice(new_thread_local_stream(d)), key});
    }
    out.stream_of_step.push_back(int(slot));
  }
  p.outputs = load_ids(r, p.values.size());
  check_known(p.outputs);
  if (!r.done()) r.corrupt("a trace has trailing data");
  return out;
}

Arrays ImportedFunction::operator()(const Arrays& args, const NamedArrays& kwargs) {
  Signature call(args, kwargs);
  for (Imported& t : traces_) {
    if (!t.trace.signature.matches(call, shapeless_)) continue;
    Program& p = t.trace.program;
    for (size_t i = 0; i < p.steps.size(); ++i) p.steps[i].stream = to_stream(streams_[t.stream_of_step[i]].first);
    Arrays inputs = args;
    for (const auto& [_, a] : kwargs) inputs.push_back(a);
    return replay(p, inputs, shapeless_);
  }
  std::string known;
  for (const Imported& t : traces_) known += "\n  " + text(t.trace.signature);
  value_error("[import_function] The function was called with ", text(call), ", but it was exported for", known,
              shapeless_ ? "\nwith any sizes of these numbers of dimensions." : "");
}

// --- graphs as text

const std::string& ValueNames::of(const void* id) {
  std::string& name = names_[id];
  if (name.empty()) {
    for (int n = next_++; n >= 0; n = n / 26 - 1) name.insert(name.begin(), char('A' + n % 26));
  }
  return name;
}

std::pair<std::string, std::vector<Parameter>> describe_for_export(const Op& op) {
  // Names and parameters that MLX's callbacks give and that do not follow from ours.
  struct Row {
    const char* ours;
    const char* name;
    std::vector<Parameter> parameters;
  };
  static const Row rows[] = {
      {"log", "Log", {int64_t(2)}}, {"log2", "Log", {int64_t(0)}}, {"log10", "Log", {int64_t(1)}},
      {"astype", "AsType", {}},     {"as_strided", "AsStrided", {}}, {"arcsin", "ArcSin", {}},
      {"arccos", "ArcCos", {}},     {"arctan", "ArcTan", {}},     {"arctan2", "ArcTan2", {}},
      {"arcsinh", "ArcSinh", {}},   {"arccosh", "ArcCosh", {}},   {"arctanh", "ArcTanh", {}},
      {"logaddexp", "LogAddExp", {}}, {"erfinv", "ErfInv", {}},   {"divmod", "DivMod", {}},
      {"rms_norm", "RMSNorm", {}},  {"rope", "RoPE", {}},         {"logsumexp", "LogSumExp", {}},
  };
  for (const Row& r : rows) {
    if (std::strcmp(op.name(), r.ours) == 0) return {r.name, r.parameters.empty() ? op.parameters() : r.parameters};
  }
  std::string name;
  bool start = true;
  for (const char* c = op.name(); *c; ++c) {
    if (*c != '_') name += start ? char(std::toupper(*c)) : *c;
    start = *c == '_';
  }
  return {name, op.parameters()};
}

std::string graph_to_dot(const Arrays& outputs, const std::vector<std::pair<std::string, array>>& names) {
  ValueNames namer;
  for (const auto& [name, a] : names) namer.set(a.id(), name);
  std::ostringstream os;
  os << "digraph {\n";
  std::unordered_map<const void*, bool> seen;
  Arrays pending = outputs;
  Arrays kept;
  while (!pending.empty()) {
    array a = pending.back();
    pending.pop_back();
    if (seen.count(a.id())) continue;
    if (!a.has_call()) {
      seen[a.id()] = true;
      kept.push_back(a);
      os << "  \"" << namer.of(a.id()) << "\" [shape=ellipse];\n";
      continue;
    }
    const Call* call = a.call().get();
    Arrays outs = a.outputs();
    for (const array& o : outs) {
      seen[o.id()] = true;
      kept.push_back(o);
      os << "  \"" << namer.of(o.id()) << "\" [shape=ellipse];\n";
      os << "  op" << call << " -> \"" << namer.of(o.id()) << "\";\n";
    }
    std::string label = call->op->describe();
    if (label == call->op->name()) label = describe_for_export(*call->op).first;
    os << "  op" << call << " [label=\"" << label << "\", shape=box];\n";
    for (const array& in : call->inputs) {
      os << "  \"" << namer.of(in.id()) << "\" -> op" << call << ";\n";
      pending.push_back(in);
    }
  }
  os << "}\n";
  return os.str();
}

}  // namespace mlx_rocm
