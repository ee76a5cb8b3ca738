// A fused group of elementwise ops as one op.
#pragma once

#include <memory>

#include "backend/cpu/tile.h"
#include "backend/gpu/pointwise.h"
#include "backend/transforms/program.h"

namespace mlx_rocm {

// Whether a step can be part of a group: elementwise ops, where, casts and broadcasts.
bool is_fusable(const Op& op);
bool is_broadcast(const Op& op);

// Runs a program of elementwise steps, casts and broadcasts in one pass over memory. The program's constants are
// 0-d arrays. All outputs normally have the shape that all steps broadcast to.
class Compiled : public Op {
 public:
  explicit Compiled(Program program);

  const char* name() const override { return "compiled"; }
  std::string describe() const override { return description_; }  // "Compiled" and the names of the steps
  const Program& program() const { return program_; }
  // Text that is the same for programs with the same steps, dtypes and constants: what a generated kernel depends on.
  const std::string& key() const { return key_; }
  uint64_t hash() const;

  std::vector<Spec> infer(const Arrays& in) const override;
  void cpu(const Arrays& in, const Arrays& out) override;
  void gpu(const Arrays& in, const Arrays& out) override;
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays& outputs) override;
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override;
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override;
  bool equals(const Op& other) const override;
  void save(Writer&) const override;

 private:
  const cpu::TileProgram& tiles(const std::vector<bool>& single);
  const gpu::Pointwise& pointwise();

  Program program_;
  std::string description_, key_;
  Arrays constants_;
  // The program for one choice of which inputs have a single element; evaluation is serialised, so one is enough.
  std::unique_ptr<cpu::TileProgram> tiles_;
  std::vector<bool> tiles_single_;
  std::unique_ptr<gpu::Pointwise> pointwise_;
};

// Replaces groups of connected elementwise steps by Compiled ops.
void fuse(Program& p);

}  // namespace mlx_rocm
