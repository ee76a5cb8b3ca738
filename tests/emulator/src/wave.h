// The state that instructions act on: a wave, its workgroup and the launch.
#pragma once

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "evidence.h"
#include "inst.h"
#include "memory_map.h"
#include "target.h"

namespace emu {

struct Module;
struct Kernel;

// A program error that the emulator found. The message names what, where and which instruction.
struct Fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Launch {
  const Module* module = nullptr;
  const Kernel* kernel = nullptr;
  const Target* target = nullptr;
  u32 devices = 1;  // bit mask of the devices whose memory it may use
  std::array<u32, 3> grid{}, block{};
  u32 dynamic_lds = 0;
  u64 kernarg = 0, packet = 0;
  std::shared_ptr<const Ranges> memory;
  bool evidence = false;
};

// A byte of LDS remembers who touched it since the last barrier, so that unsynchronised use by two waves is
// seen.
struct LdsTags {
  std::vector<u16> writer, reader;
};

struct Group {
  std::vector<u8> lds;
  LdsTags tags;
  u16 epoch = 1;  // counts barriers
  bool check_races = false;
  std::array<u32, 3> id{};
};

enum class State : u8 { Running, AtBarrier, Done };

struct Wave {
  u32* v = nullptr;  // vector registers: rows of `lanes` words
  alignas(64) u32 s[slot::count] = {};
  u32 scc = 0;
  u32 next = 0;  // index of the next instruction
  int lanes = 32;
  u64 all = 0;  // mask of all lanes
  State state = State::Running;
  int id = 0;
  bool f32_denormals = true;
  u32 mode = 0;  // the MODE register
  Group* group = nullptr;
  const Launch* launch = nullptr;
  const Target* target = nullptr;
  const Inst* current = nullptr;
  Counters* counters = nullptr;
  u32* range_hints = nullptr;  // the last range that each instruction hit
  bool yield = false;          // set when the wave should let others run
  u8* scratch = nullptr;
  u32 scratch_bytes = 0;  // for each lane

  template <int N>
  u32* row(int index) {
    return v + index * N;
  }
  u64 exec() const {
    u64 mask;
    std::memcpy(&mask, s + slot::exec, sizeof mask);
    return mask & all;
  }
  void set_exec(u64 mask) {
    mask &= all;
    std::memcpy(s + slot::exec, &mask, sizeof mask);
  }
};

[[noreturn]] void fault(const Wave& wave, const std::string& what);
std::string hex(u64 value);

// Scalar operands
//

inline u64 special_scalar(const Wave& w, Kind kind) {
  switch (kind) {
    case Kind::Scc: return w.scc;
    case Kind::ExecZero: return w.exec() == 0;
    case Kind::VccZero: return ((w.s[slot::vcc] | (static_cast<u64>(w.s[slot::vcc + 1]) << 32)) & w.all) == 0;
    case Kind::None:
    case Kind::Vector:
    case Kind::Scalar:
    case Kind::Constant: break;
  }
  fault(w, "an operand cannot be read as a scalar");
}

template <class T>
T read_scalar(const Wave& w, const Operand& operand) {
  T value{};
  if (operand.kind == Kind::Scalar) {
    std::memcpy(&value, w.s + operand.index, sizeof value);
  } else {
    const u64 raw = operand.kind == Kind::Constant ? operand.bits : special_scalar(w, operand.kind);
    std::memcpy(&value, &raw, sizeof value);
  }
  return value;
}

template <class T>
void write_scalar(Wave& w, const Operand& operand, T value) {
  std::memcpy(w.s + operand.index, &value, sizeof value);
}

// A lane mask occupies one scalar register in wave32 and two in wave64.
template <int N>
u64 read_mask(const Wave& w, const Operand& operand) {
  if constexpr (N == 32) return read_scalar<u32>(w, operand);
  else return read_scalar<u64>(w, operand);
}
template <int N>
void write_mask(Wave& w, const Operand& operand, u64 mask) {
  if constexpr (N == 32) write_scalar<u32>(w, operand, static_cast<u32>(mask));
  else write_scalar<u64>(w, operand, mask);
}

}  // namespace emu
