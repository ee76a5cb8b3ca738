// Fault injection: make the n-th call of a kind fail.
//
// AMDEMU_FAIL=malloc:3,launch:1 or emuFailAt("malloc", 3). Kinds: malloc (device and pinned), load (module),
// compile, launch, copy, sync, lost (the n-th stream operation loses the device for good).
#pragma once

#include <string>

namespace emu {

enum class FaultKind { Malloc, Load, Compile, Launch, Copy, Sync, Lost, Count };

// False for an unknown kind. n counts from now; 0 cancels.
bool fail_at(const std::string& kind, int n);
// Counts a call; true when it is the one to fail.
bool should_fail(FaultKind kind);
void clear_faults();

}  // namespace emu
