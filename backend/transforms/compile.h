// Compiling a function: trace it once per kind of input, simplify and fuse the program, replay it afterwards.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "backend/transforms/program.h"

namespace mlx_rocm {

// On unless MLX_DISABLE_COMPILE is set or disable_compile was called.
bool compile_enabled();
void disable_compile();
void enable_compile();

// Forgets the programs that this thread compiled.
void clear_compiled();

// The programs of one function. Another program is needed for other constants among the arguments, other shapes
// (unless shapeless), other dtypes, another default stream and another thread.
class CompileCache {
 public:
  explicit CompileCache(bool shapeless) : shapeless_(shapeless) {}

  struct Entry {
    Program program;
    bool shapeless = false;
    std::shared_ptr<void> extra;  // what the caller wants to remember

   private:
    friend class CompileCache;
    std::weak_ptr<char> thread;
    Stream stream;
    std::vector<uint64_t> constants;
    std::vector<Spec> inputs;
  };
  using Hit = std::shared_ptr<Entry>;

  Hit find(const Arrays& inputs, const std::vector<uint64_t>& constants) const;
  // Traces `f` and keeps the result, unless it depends on arrays of an enclosing transform. An exception of `f` leaves
  // the cache as it was.
  Hit compile(const Function& f, const Arrays& inputs, std::vector<uint64_t> constants);

  static Arrays run(const Entry& e, const Arrays& inputs) { return replay(e.program, inputs, e.shapeless); }

 private:
  size_t hash(const Arrays& inputs, const std::vector<uint64_t>& constants) const;

  bool shapeless_;
  std::unordered_map<size_t, std::vector<Hit>> entries_;
};

}  // namespace mlx_rocm
