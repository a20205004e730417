#!/usr/bin/env python3
"""Makes tests/data/blocks/: random blocks of each of GGUF's formats and the values that the `gguf` package reads from
them. Needs gguf and numpy; winnow's tests need neither.

  <format>.blocks   three rows of blocks, 256 elements each (q8_0 and the others of 32: eight blocks)
  <format>.f32      their 768 values, little-endian f32
"""
import pathlib
import struct

import gguf
import numpy

OUT = pathlib.Path(__file__).parents[1] / "tests" / "data" / "blocks"
# Where a block's f16 scales lie; every other byte may be anything.
F16_AT = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q4_K": [0, 2], "Q5_K": [0, 2],
          "Q6_K": [208]}
# Usual sizes of a scale, the largest and smallest normal halves, a subnormal, zero, negative ones.
HALVES = [0.0123, -0.0371, 1.5, 65504.0, 6.104e-05, 3.2e-06, 0.0, -0.25]


def main():
    random = numpy.random.default_rng(4)
    OUT.mkdir(exist_ok=True)
    for name, places in F16_AT.items():
        kind = gguf.GGMLQuantizationType[name]
        elements, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = random.integers(0, 256, (768 // elements, size), dtype=numpy.uint8)
        for b, block in enumerate(blocks):
            for i, at in enumerate(places):
                block[at:at + 2] = list(struct.pack("<e", HALVES[(b + 3 * i) % len(HALVES)]))
        values = gguf.quants.dequantize(blocks.reshape(3, -1), kind).astype("<f4")
        (OUT / f"{name.lower()}.blocks").write_bytes(blocks.tobytes())
        (OUT / f"{name.lower()}.f32").write_bytes(values.tobytes())


if __name__ == "__main__":
    main()
