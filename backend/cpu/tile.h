// Elementwise execution on the CPU. Everything elementwise - one eager op, a cast, a fused group from mx.compile -
// is a small program of block functions that runs over cache-sized tiles of the flattened output. A block function
// takes contiguous operands in compute types; half types are converted on load and store.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/core/array.h"
#include "backend/cpu/isa.h"

namespace mlx_rocm::cpu {

// Elementwise operations by number: the rows of elementwise.def, then select.
enum ElementwiseId : int {
#define UNARY(name, ...) id_##name,
#define BINARY(name, ...) id_##name,
#include "backend/ops/elementwise.def"
#undef UNARY
#undef BINARY
  id_select,
  num_elementwise,
};

// 1 or 2; select has 3.
constexpr int elementwise_arity(int id) {
  constexpr int arities[] = {
#define UNARY(name, ...) 1,
#define BINARY(name, ...) 2,
#include "backend/ops/elementwise.def"
#undef UNARY
#undef BINARY
      3,
  };
  return arities[id];
}

// What a block function computes in: the storage types less the two halves, which compute in f32.
enum class Compute : uint8_t { b, u8, u16, u32, u64, i8, i16, i32, i64, f32, f64, c64 };
constexpr int num_computes = 12;
Compute compute_type(Dtype d);
constexpr size_t compute_size(Compute c) {
  constexpr size_t sizes[] = {1, 1, 2, 4, 8, 1, 2, 4, 8, 4, 8, 8};
  return sizes[int(c)];
}

// in: contiguous operands of n elements (Select: condition first); out may be one of them.
using BlockFn = void (*)(const void* const* in, void* out, int64_t n);

struct ElementwiseTable {
  BlockFn op[num_elementwise][num_computes];           // null: not defined for the type
  BlockFn convert[num_computes][num_computes];         // from, to
  BlockFn load_f16, load_bf16, store_f16, store_bf16;  // half <-> f32
  BlockFn round_f16, round_bf16;                       // f32 to the nearest half, as f32
};

// The function of an op on a compute type; throws when the op is not defined for it.
BlockFn block_fn(int id, Compute c);
BlockFn convert_fn(Compute from, Compute to);

// A straight-line program over tile registers. Registers [0, inputs) hold the loaded inputs.
struct TileProgram {
  struct Instruction {
    BlockFn fn;
    int16_t in[3];
    int16_t out;
    uint8_t size = 8;      // bytes of an element of the result
    bool uniform = false;  // the operands are single elements: computed once for all tiles of a thread's share
  };
  std::vector<Instruction> code;
  std::vector<Dtype> inputs;              // storage types
  std::vector<std::pair<int, Dtype>> outputs;  // register, storage type
  int registers = 0;

  int input(Dtype d) {
    inputs.push_back(d);
    return registers++;
  }
  int emit(BlockFn fn, std::initializer_list<int> in) {
    Instruction i{fn, {0, 0, 0}, int16_t(registers)};
    int k = 0;
    for (int r : in) i.in[k++] = int16_t(r);
    for (; k > 0 && k < 3; ++k) i.in[k] = i.in[0];
    code.push_back(i);
    return registers++;
  }
};

// Lets instructions share registers whose values are no longer needed. Outputs and uniform results keep theirs.
void allocate_registers(TileProgram& program);

// Runs the program: inputs, then constants (one element each), broadcast to the outputs' shape; outputs are allocated
// here (an input that may be overwritten is reused). All outputs have the same shape.
void run_tiles(const TileProgram& program, const Arrays& in, const Arrays& out, const Arrays& constants = {});

// Elements [begin, begin + n) in row-major order of a collapsed strided view, copied one after another.
void gather(const char* base, size_t itemsize, const Shape& shape, const Strides& strides, int64_t begin, int64_t n,
            char* dst);
// dst (allocated, row-contiguous) = src in row-major order, converted to dst's dtype.
void copy(const array& src, const array& dst);
// dst (allocated, any layout, same shape and dtype) = src.
void copy_into(const array& src, const array& dst);
// A row-contiguous array with the values of `a`: `a` itself when it is one already.
array contiguous(const array& a);
// As above, converted to `dtype`.
array contiguous(const array& a, Dtype dtype);

}  // namespace mlx_rocm::cpu

MLX_ROCM_ISA_TABLE(ElementwiseTable, elementwise_table)
