// A decoded instruction: a handler and its operands. The hot loop touches nothing else.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "numeric.h"

namespace emu {

struct Wave;
struct Inst;
using Handler = void (*)(Wave&, const Inst&);

// Scalar registers live in one array; these are the slots of the named ones.
namespace slot {
inline constexpr u16 vcc = 106;
inline constexpr u16 ttmp = 108;
inline constexpr u16 m0 = 124;
inline constexpr u16 exec = 126;
inline constexpr u16 null = 128;          // reads as zero
inline constexpr u16 sink = 132;          // where writes to null go
inline constexpr u16 flat_scratch = 160;  // and xnack_mask: written by prologues, never used
inline constexpr u16 count = 164;
}  // namespace slot

inline constexpr u16 kAccumulators = 256;  // a0 is vector register 256
inline constexpr u16 kSpareVector =
    512;  // holds a VOPD result while the other half still reads the old value
inline constexpr u16 kVectorRows = 513;

enum class Kind : u8 { None, Vector, Scalar, Constant, Scc, ExecZero, VccZero };

// Which part of a 32-bit register an SDWA operand takes.
enum class Select : u8 { Byte0, Byte1, Byte2, Byte3, Word0, Word1, Dword };

struct Operand {
  Kind kind = Kind::None;
  u8 dwords = 1;
  u16 index = 0;  // vector register or scalar slot
  bool negate = false, absolute = false, sign_extend = false;
  bool high_half = false;      // 16-bit operand in bits 31:16
  bool explicit_half = false;  // written as v1.l or v1.h
  Select select = Select::Dword;
  bool plain = false;     // needs no work: the lanes can be used where they lie
  bool literal = false;   // a 32-bit constant from the instruction stream (written in hex)
  bool is_float = false;  // constant written as a float: `number`; otherwise `bits`
  f64 number = 0;
  u64 bits = 0;                // the constant in the operand's type, once bound
  const u32* lanes = nullptr;  // the constant in every lane: 64 low words, then 64 high words

  bool is_register() const { return kind == Kind::Vector || kind == Kind::Scalar; }
};

// Where lane l takes its first source from (DPP).
struct Dpp {
  std::array<u8, 64> from;
  u64 in_range = 0;             // lanes whose source lane exists
  u64 enabled = 0;              // lanes that row_mask and bank_mask let through
  bool zero_invalid = false;    // bound_ctrl: an invalid source reads as zero instead of disabling the lane
  bool fetch_inactive = false;  // fi: sources need not be active
};

enum class Class : u8 {
  Valu,
  Matrix,
  CrossLane,
  Salu,
  Smem,
  GlobalLoad,
  GlobalStore,
  GlobalAtomic,
  Lds,
  Scratch,
  Branch,
  Barrier,
  Wait,
  Other,
  Count
};
const char* class_name(Class c);

// How the operands in the text map to dst, sdst and src.
enum class Shape : u8 {
  DstSrc,      // dst, sources
  SrcOnly,     // sources
  CarryOut,    // dst, carry-out, sources; vcc is implied where a carry is not written
  CarryInOut,  // the same with a carry-in as last source
  Compare,     // mask, sources; vcc implied in the 32-bit encoding
  CompareX,    // exec is the result on gfx10+, mask and exec before
  SelectMask,  // dst, two sources, mask (vcc implied)
  Load,        // dst, address operands
  Store,       // address, data, more address operands
  DataFirst,   // data, address operands (buffer stores)
  Atomic,      // [dst,] address, data, more
};

enum class Width : u8 { None, Bits16, Bits32, Bits64, Float64 };  // of a constant operand

struct MemoryType;
struct AtomicOp;
struct MatrixOp;

// One line of the instruction table.
struct Row {
  std::string name;
  Shape shape = Shape::DstSrc;
  Class klass = Class::Valu;
  Handler run32 = nullptr, run64 = nullptr;
  std::array<Width, 4> widths{};
  bool reads_dst = false;   // v_fmac and friends: dst is also the last source
  bool keeps_half = false;  // a 16-bit result leaves the other half alone even on GFX9
  bool packed = false;      // op_sel means halves of packed operands
  const MemoryType* memory = nullptr;
  const AtomicOp* atomic = nullptr;
  const MatrixOp* matrix = nullptr;
  int detail = 0;  // meaning belongs to the family (dwords of a scalar load, form of a DS pair access, ...)
};

struct Inst {
  Handler run = nullptr;
  Operand dst, sdst;
  std::array<Operand, 4> src;
  const Dpp* dpp = nullptr;
  i64 offset = 0;
  u32 offset0 = 0, offset1 = 0;
  u32 target = 0;       // index of a branch's destination
  u8 output_scale = 0;  // 1: times 2, 2: times 4, 3: half
  bool clamp = false;
  bool special_dst = false;  // DPP masks or SDWA selects apply to the result
  Select dst_select = Select::Dword;
  bool dst_preserve = false, dst_sign = false;
  bool clear_high = false;  // a 16-bit result clears bits 31:16 (GFX9)
  u8 op_sel = 0, op_sel_hi = 7, neg_lo = 0, neg_hi = 0;
  u8 cbsz = 0, abid = 0, blgp = 0, byte_select = 0, bitop = 0;
  bool returns = false;  // atomic hands back the old value
  bool offen = false, idxen = false;
  const Row* row = nullptr;
  u64 pc = 0;     // address in the code object
  u64 after = 0;  // address of the next instruction
  u32 id = 0;     // position in the module
  u8 sources = 0;
  Class klass = Class::Other;
  bool counted = true;  // false for the helper steps of a VOPD pair
  std::string text;

  bool has_output_modifier() const { return clamp || output_scale; }
};

}  // namespace emu
