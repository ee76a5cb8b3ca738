// Moving data between memory and vector registers, shared by global memory, scratch and LDS.
#pragma once

#include "table.h"
#include "wave.h"

namespace emu {

// How the bytes of one lane map to its registers.
enum class Form : u8 {
  Words,      // whole registers
  Unsigned,   // 8 or 16 bits, zero extended
  Signed,     // 8 or 16 bits, sign extended
  LowHalf,    // 8 or 16 bits to bits 15:0, the others kept (d16)
  LowSigned,  // the same, sign extended to 16 bits
  HighHalf,   // to bits 31:16, the others kept (d16_hi)
  HighSigned,
};

struct MemoryType {
  const char* old_name;  // GFX9 and GFX10: "dwordx4"
  const char* new_name;  // GFX11 and GFX12: "b128"
  int bytes;
  Form form;
};

const std::vector<MemoryType>& load_types();
const std::vector<MemoryType>& store_types();
const std::vector<MemoryType>& lds_load_types();
const std::vector<MemoryType>& lds_store_types();

// Copies `type` from the addresses of the active lanes into vector register `index` and following.
template <int N>
void load_lanes(Wave& w, int index, const MemoryType& type, u8* const* from, u64 active, bool high_half);
template <int N>
void store_lanes(Wave& w, int index, const MemoryType& type, u8* const* to, u64 active, bool high_half);

enum class Access : u8 { Load, Store, Atomic };

// Checks `bytes` bytes at each active lane's address and turns the addresses into host pointers.
template <int N>
void resolve_global(Wave& w, const Inst& in, const u64* address, u8** host, u64 active, int bytes,
                    Access access);
// The same for LDS, with race detection.
template <int N>
void resolve_lds(Wave& w, const u32* address, u8** host, u64 active, int bytes, Access access);

// Addresses of a global or flat instruction: address operands start at src[first].
template <int N>
void global_addresses(Wave& w, const Inst& in, int first, u64* address);
template <int N>
void lds_addresses(Wave& w, const Operand& operand, i64 offset, u32* address);
// True where the address is LDS or scratch seen through the flat address space.
bool in_lds_aperture(u64 address);
bool in_scratch_aperture(u64 address);
inline constexpr u64 kLdsAperture = 0x10000ull << 32, kScratchAperture = 0x20000ull << 32;
// Base address of the buffer descriptor through which GFX90a and GFX103x reach scratch.
inline constexpr u64 kScratchBuffer = 0x5c4ull << 36;

}  // namespace emu
