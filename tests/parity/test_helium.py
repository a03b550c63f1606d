"""What the Helium kernels compute eight units at a time is what the other kernels compute one by one."""

import shutil

import pytest

from edgeseq.firmware import Firmware, find_toolchain
from edgeseq.firmware.toolchain import COMMON_FLAGS
from edgeseq.measure.runner import run_image
from edgeseq.resources import templates_root
from edgeseq.targets import load_core

CORE = load_core("cortex-m55")

# Both shifts are constants, as in a model; r is any odd sequence.
MAIN = r"""
#include "es_fast.h"
#include "es_exit.h"
#include "es_port.h"

static uint32_t mismatches[6];

static void compare(int kind, const int16_t *got, int i, int32_t wanted)
{
    mismatches[kind] += got[i] != wanted;
}

#define EACH_INT16(body) \
    for (int32_t v = INT16_MIN; v <= INT16_MAX; v += 8) { \
        int16_t in[8], out[8]; \
        for (int i = 0; i < 8; ++i) { in[i] = (int16_t)(v + i); } \
        const int16x8_t q = vldrhq_s16(in); \
        body \
    }
#define EACH(kind, vector, scalar) \
    vstrhq_s16(out, vector); \
    for (int i = 0; i < 8; ++i) { compare(kind, out, i, scalar); }

#define SHIFT(s) EACH_INT16( \
    EACH(0, es_sigmoid8(q, s), es_fast_sigmoid(in[i], s)) \
    EACH(1, es_tanh8(es_magnitude(q), es_sign(q), s), es_fast_tanh(in[i], s)))
#define CELL(s) EACH_INT16( \
    EACH(2, es_cell_tanh8(q, s), es_cell_tanh(in[i], s)) \
    for (int32_t a = 1; a <= INT16_MAX; a += 661) { \
        EACH(3, es_cell_product8(vdupq_n_s16((int16_t)a), q, s), es_product(a, in[i], s)) \
    })

int main(void)
{
    SHIFT(2) SHIFT(3) SHIFT(4) SHIFT(5) SHIFT(6) SHIFT(7)
    CELL(0) CELL(1) CELL(2) CELL(3) CELL(4) CELL(5) CELL(6) CELL(7)
    EACH_INT16(int8_t view[8]; es_store_narrow(view, q);
               for (int i = 0; i < 8; ++i) { mismatches[4] += view[i] != es_narrow(in[i]); })
    uint32_t r = 1;
    for (int n = 0; n < 100000; ++n) {
        int16_t z[8], c[8], h[8], out[8];
        for (int i = 0; i < 8; ++i) {
            r = r * 1664525u + 1013904223u;
            z[i] = (int16_t)(1 + (r >> 16) % 32767);
            r = r * 1664525u + 1013904223u;
            c[i] = (int16_t)((int32_t)((r >> 16) % 65535) - 32767);
            r = r * 1664525u + 1013904223u;
            h[i] = (int16_t)((int32_t)((r >> 16) % 65535) - 32767);
        }
        const int16x8_t candidate = vldrhq_s16(c);
        EACH(5, es_blend8(vldrhq_s16(z), candidate, es_sign(candidate), vldrhq_s16(h)),
             es_add_product(es_subtract_product(c[i], z[i], c[i]), z[i], h[i]))
    }
    es_port_write(mismatches, sizeof(mismatches));
    es_exit();
    return 0;
}
"""


@pytest.mark.skipif(not shutil.which("qemu-system-arm"), reason="qemu-system-arm is absent")
@pytest.mark.parametrize("compiler", ["zig", "gcc"])
def test_vectors_equal_scalars(compiler, tmp_path):
    """Curves, cell tanh and narrowing for every int16 and shift, products for 50 factors of each, 800,000 blends."""
    if compiler == "gcc" and not shutil.which(f"{CORE.gcc_prefix}gcc"):
        pytest.skip("the core's gcc is absent")
    toolchain, templates = find_toolchain(CORE, compiler), templates_root()
    for port in CORE.port:
        shutil.copytree(templates / "port" / port, tmp_path, dirs_exist_ok=True)
    (tmp_path / "memory.ld").write_text(
        f"MEMORY {{ FLASH (rx) : ORIGIN = {CORE.flash_origin}, LENGTH = {CORE.flash_bytes}\n"
        f"RAM (rwx) : ORIGIN = {CORE.ram_origin}, LENGTH = {CORE.ram_bytes} }}\n"
    )
    (tmp_path / "main.c").write_text(MAIN)
    kernels = templates / "kernels"
    folders = [kernels, kernels / "fast", kernels / "fast" / "mve", templates / "port"]
    headers = [*(f"-I{folder}" for folder in folders), "-idirafter", str(templates / "port" / "freestanding")]
    flags = [*toolchain.flags, *COMMON_FLAGS, "-O2", *headers, *(["-nostartfiles"] if compiler == "gcc" else []), "-T", "link.ld"]
    sources = ["main.c", "startup.c", "es_port.c", "es_exit.c", str(kernels / "es_sigmoid_table.c")]
    toolchain.run([*flags, *sources, "-o", "firmware.elf"], tmp_path)
    run = run_image(Firmware(tmp_path / "firmware.elf", CORE, toolchain, "speed", None), b"")
    assert run.output == bytes(6 * 4)
