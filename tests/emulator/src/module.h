// A loaded code object: decoded instructions and the kernels in it.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "inst.h"
#include "target.h"

namespace emu {

struct KernelArgument {
  u32 offset = 0, size = 0;
  std::string kind;  // "global_buffer", "by_value", "hidden_block_count_x", ...
};

// What the kernel descriptor and the metadata say.
struct Kernel {
  std::string name;
  u64 entry = 0;  // address in the code object
  u32 entry_index = 0;
  u32 lds = 0, scratch = 0, kernarg = 0;
  u32 rsrc1 = 0, rsrc2 = 0, rsrc3 = 0;
  u32 properties = 0;  // which user SGPRs are set up
  u32 preload = 0;     // kernel arguments preloaded into SGPRs (CDNA3)
  int wave = 32;
  u32 vgprs = 0, agprs = 0, sgprs = 0;
  u32 max_group = 1024;
  std::vector<KernelArgument> arguments;
};

struct Module {
  const Target* target = nullptr;
  std::string arch;
  u64 image = 0, image_bytes = 0;  // where the code object is loaded in memory
  std::vector<Inst> code;
  u64 first_pc = 0;
  std::vector<u32> index_of;  // (pc - first_pc) / 4 to an index in `code`, or kNoInst
  std::map<std::string, Kernel> kernels;
  std::deque<std::array<u32, 128>> constants;  // lanes of constant operands
  std::deque<Dpp> dpps;
  static constexpr u32 kNoInst = ~0u;

  ~Module();
  u32 find(u64 pc) const;  // kNoInst when pc is not the start of an instruction
};

// Parses the ELF file at `data` and decodes its code. Throws std::runtime_error with the reason.
std::unique_ptr<Module> load_code_object(const void* data);

// Decodes llvm-objdump's listing into module.code (decoder.cpp).
void decode_listing(Module& module, const std::string& listing, int wave);

}  // namespace emu
