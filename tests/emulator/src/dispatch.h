// Runs a launch: workgroups over threads, waves of a workgroup in turns from barrier to barrier.
#pragma once

#include <string>

#include "module.h"
#include "wave.h"

namespace emu {

struct Dispatch {
  u32 devices = 1;  // bit mask of the devices whose memory the kernel may use
  const Module* module = nullptr;
  const Kernel* kernel = nullptr;
  std::array<u32, 3> grid{}, block{};
  u32 dynamic_lds = 0;
  std::vector<u8> arguments;  // the kernel argument segment, hidden arguments included
};

// Throws Fault when the kernel does something wrong.
void run_dispatch(const Dispatch& dispatch);

inline constexpr u32 kPoison =
    0x7fff7fff;  // a NaN as f32, f64, f16, bf16 and fp8; a large number as an integer

// Makes the thread's floating point unit flush f32 denormals, or not, as the wave's mode says.
void apply_denormal_mode(const Wave& wave);

}  // namespace emu
