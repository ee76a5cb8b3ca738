// Where the input of a convolution's output lies: x (batch, in[0..2], channels), y (batch, out[0..2], out_channels),
// w (out_channels, KZ, KY, KX, channels / groups). Output position p and tap t meet at p * stride + t * dilation - pad of
// the input that has input_dilation - 1 zeros between its elements. Convolutions with fewer axes have leading ones:
// AXES of them count. INPUT_DILATED: some input_dilation is not 1. FLIP: tap t has the weights of the opposite tap.
// INDEX: u32 where the elements of y and the positions can be counted with it, else u64.
#pragma once
#include "device.h"

struct Conv {
  i32 in[3], out[3], stride[3], pad[3], dilation[3], input_dilation[3];
  i32 channels, out_channels, groups;
};

constexpr int TAPS = KZ * KY * KX;

// The position of an output element in the input, for tap 0.
struct Position {
  i64 base;  // offset of the batch item
  i32 at[3];
};

DEVICE Position position_of(const Conv& g, INDEX p) {
  Position place = {0, {0, 0, 0}};
  UNROLL
  for (int a = 2; a >= 3 - AXES; a--) {
    const INDEX rest = p / (u32)g.out[a];
    place.at[a] = (i32)(p - rest * (u32)g.out[a]) * g.stride[a] - g.pad[a];
    p = rest;
  }
  place.base = (i64)p * g.in[0] * g.in[1] * g.in[2] * g.channels;
  return place;
}

// The offset of the first channel that the position meets at a tap, or -1 outside of the input.
DEVICE i64 offset_at(const Conv& g, const Position& place, int tap) {
  const int t[3] = {tap / (KY * KX), tap / KX % KY, tap % KX};
  i64 at = 0;
  bool inside = true;
  UNROLL
  for (int a = 3 - AXES; a < 3; a++) {
    i32 q = place.at[a] + t[a] * g.dilation[a];
#if INPUT_DILATED
    const i32 whole = (i32)((u32)q / (u32)g.input_dilation[a]);
    inside = inside && q >= 0 && whole * g.input_dilation[a] == q;
    q = whole;
#endif
    inside = inside && (u32)q < (u32)g.in[a];
    at = at * g.in[a] + q;
  }
  return inside ? place.base + at * g.channels : -1;
}

DEVICE int weight_tap(int tap) { return FLIP ? TAPS - 1 - tap : tap; }
