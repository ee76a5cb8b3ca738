// What an axis is scanned with: OP (a functor) over ACC (what is accumulated, 4 or 8 bytes), from IDENTITY.
#pragma once
#include "wave.h"
#include "scalar.h"

constexpr u32 THREADS = 256;

DEVICE ACC combine(ACC a, ACC b) { return OP{}(a, b); }

