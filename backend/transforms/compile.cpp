#include "backend/transforms/compile.h"

#include <atomic>
#include <cstdlib>

#include "backend/transforms/compiled.h"

namespace mlx_rocm {
namespace {

std::atomic<bool>& enabled() {
  static std::atomic<bool> on{std::getenv("MLX_DISABLE_COMPILE") == nullptr};
  return on;
}

// Stands for this thread's programs: entries hold it weakly, so they expire with the thread or when it is renewed.
thread_local std::shared_ptr<char> thread_token = std::make_shared<char>();

size_t mix(size_t h, size_t x) {
  return (h ^ (x + 0x9e3779b97f4a7c15ull + (h << 6) + (h >> 2))) * 0xff51afd7ed558ccdull;
}

}  // namespace

bool compile_enabled() { return enabled(); }
void disable_compile() { enabled() = false; }
void enable_compile() { enabled() = true; }
void clear_compiled() { thread_token = std::make_shared<char>(); }

size_t CompileCache::hash(const Arrays& inputs, const std::vector<uint64_t>& constants) const {
  size_t h = inputs.size();
  for (uint64_t c : constants) h = mix(h, c);
  for (const array& a : inputs) {
    h = mix(h, size_t(a.dtype().val) * 64 + a.ndim());
    if (shapeless_) continue;
    for (int32_t d : a.shape()) h = mix(h, size_t(d));
  }
  return h;
}

CompileCache::Hit CompileCache::find(const Arrays& inputs, const std::vector<uint64_t>& constants) const {
  auto bucket = entries_.find(hash(inputs, constants));
  if (bucket == entries_.end()) return nullptr;
  Stream stream = default_stream(default_device());
  for (const Hit& e : bucket->second) {
    if (!(e->stream == stream) || e->constants != constants || e->inputs.size() != inputs.size()) continue;
    if (e->thread.owner_before(thread_token) || thread_token.owner_before(e->thread)) continue;
    bool same = true;
    for (size_t i = 0; i < inputs.size() && same; ++i) {
      const Spec& s = e->inputs[i];
      same = s.dtype == inputs[i].dtype() &&
             (shapeless_ ? int(s.shape.size()) == inputs[i].ndim() : s.shape == inputs[i].shape());
    }
    if (same) return e;
  }
  return nullptr;
}

CompileCache::Hit CompileCache::compile(const Function& f, const Arrays& inputs, std::vector<uint64_t> constants) {
  auto e = std::make_shared<Entry>();
  e->program = trace_program(f, inputs, shapeless_, "compile");
  simplify(e->program);
  fuse(e->program);
  e->shapeless = shapeless_;
  for (const auto& c : e->program.constants) {
    if (c.second.is_tracer()) return e;
  }
  e->thread = thread_token;
  e->stream = default_stream(default_device());
  for (const array& a : inputs) e->inputs.push_back(a.spec());
  size_t h = hash(inputs, constants);
  e->constants = std::move(constants);
  for (auto& [_, bucket] : entries_) {
    std::erase_if(bucket, [](const Hit& old) { return old->thread.expired(); });
  }
  entries_[h].push_back(e);
  return e;
}

}  // namespace mlx_rocm
