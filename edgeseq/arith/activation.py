"""int16 sigmoid and tanh by one 256-entry table with linear interpolation.

The integers are those of TFLite's int16 LOGISTIC and TANH kernels, for every one
of the 65,536 inputs (a test probes the operator). The argument is in steps of
1/12288, so entry i stands for sigmoid(i / 24).

C twins: ``es_sigmoid_q15``, ``es_tanh_q15`` in firmware_templates/kernels/es_activation.h.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from edgeseq.arith.product import multiply_q15
from edgeseq.arith.requantize import IntArray

Int32Array = npt.NDArray[np.int32]

# 65536 * sigmoid(i / 24) as the TFLite table holds it: read by probing TANH at
# arguments 256 * i, where the interpolation vanishes. It is not the rounded
# function: 43 entries are one higher, and the last ones stop at 65535.
# fmt: off
SIGMOID_TABLE = np.array([
    32768, 33451, 34133, 34813, 35493, 36169, 36843, 37513, 38180, 38841, 39498, 40149,
    40794, 41432, 42064, 42688, 43304, 43912, 44511, 45102, 45683, 46255, 46817, 47369,
    47911, 48443, 48964, 49475, 49975, 50464, 50942, 51409, 51865, 52311, 52745, 53169,
    53581, 53983, 54374, 54755, 55125, 55485, 55834, 56174, 56503, 56823, 57133, 57433,
    57724, 58007, 58280, 58544, 58800, 59048, 59288, 59519, 59743, 59959, 60168, 60370,
    60565, 60753, 60935, 61110, 61279, 61441, 61599, 61750, 61896, 62036, 62172, 62302,
    62428, 62549, 62666, 62778, 62886, 62990, 63090, 63186, 63279, 63368, 63454, 63536,
    63615, 63691, 63765, 63835, 63903, 63968, 64030, 64090, 64148, 64204, 64257, 64308,
    64357, 64405, 64450, 64494, 64536, 64576, 64614, 64652, 64687, 64721, 64754, 64786,
    64816, 64845, 64873, 64900, 64926, 64950, 64974, 64997, 65019, 65039, 65060, 65079,
    65097, 65115, 65132, 65149, 65164, 65179, 65194, 65208, 65221, 65234, 65246, 65258,
    65269, 65280, 65291, 65301, 65310, 65319, 65328, 65337, 65345, 65352, 65360, 65367,
    65374, 65381, 65387, 65393, 65399, 65404, 65410, 65415, 65420, 65425, 65429, 65433,
    65438, 65442, 65445, 65449, 65453, 65456, 65459, 65462, 65465, 65468, 65471, 65474,
    65476, 65479, 65481, 65483, 65485, 65488, 65489, 65491, 65493, 65495, 65497, 65498,
    65500, 65501, 65503, 65504, 65505, 65507, 65508, 65509, 65510, 65511, 65512, 65513,
    65514, 65515, 65516, 65517, 65517, 65518, 65519, 65520, 65520, 65521, 65522, 65522,
    65523, 65523, 65524, 65524, 65525, 65525, 65526, 65526, 65526, 65527, 65527, 65528,
    65528, 65528, 65529, 65529, 65529, 65529, 65530, 65530, 65530, 65530, 65531, 65531,
    65531, 65531, 65531, 65532, 65532, 65532, 65532, 65532, 65532, 65533, 65533, 65533,
    65533, 65533, 65533, 65533, 65533, 65534, 65534, 65534, 65534, 65534, 65534, 65534,
    65534, 65534, 65534, 65535,
], dtype=np.int32)
# fmt: on

_LAST = 255  # arguments at or beyond this entry saturate


def _interpolate(argument: Int32Array, fraction_bits: int) -> Int32Array:
    """Return ``65536 * sigmoid`` of |argument| with `fraction_bits` more bits, saturated."""
    magnitude = np.abs(argument)
    index = magnitude >> fraction_bits
    fraction = magnitude & ((1 << fraction_bits) - 1)
    below = np.minimum(index, _LAST - 1)
    left = SIGMOID_TABLE[below]
    return (left << fraction_bits) + fraction * (SIGMOID_TABLE[below + 1] - left)


# Both curves are constant from here on, so all their values fit one table.
_BEYOND = 1 << 17


def _tabled(curve: Callable[[Int32Array], Int32Array], argument: IntArray) -> Int32Array:
    """The curve's value by look-up: the same integers as computing it, several times as fast."""
    index = np.minimum(np.maximum(argument, -_BEYOND), _BEYOND - 1) + _BEYOND
    return _table(curve)[index]


@functools.cache
def _table(curve: Callable[[Int32Array], Int32Array]) -> Int32Array:
    return curve(np.arange(-_BEYOND, _BEYOND, dtype=np.int32))


def sigmoid_q15(argument: IntArray) -> Int32Array:
    """Return sigmoid(argument / 12288) in steps of 2**-15, in [1, 32767].

    >>> sigmoid_q15(np.array([0, 12288, -12288]))
    array([16384, 23956,  8812], dtype=int32)
    """
    return _tabled(compute_sigmoid_q15, argument)


def tanh_q15(argument: IntArray) -> Int32Array:
    """Return tanh(argument / 12288) in steps of 2**-15, in [-32767, 32767].

    >>> tanh_q15(np.array([0, 12288, -12288]))
    array([     0,  24956, -24956], dtype=int32)
    """
    return _tabled(compute_tanh_q15, argument)


def compute_sigmoid_q15(argument: Int32Array) -> Int32Array:
    """`sigmoid_q15` by its rule, any int32."""
    wide = argument.astype(np.int32, copy=False)
    value = _interpolate(wide, 9)
    value = np.where(np.abs(wide) >> 9 >= _LAST, 32767 << 10, value)
    return np.where(wide >= 0, value + 512, (1 << 25) - value + 511) >> 10


def compute_tanh_q15(argument: Int32Array) -> Int32Array:
    """`tanh_q15` by its rule, any int32."""
    wide = argument.astype(np.int32, copy=False)
    value = _interpolate(wide, 8)
    value = np.where(np.abs(wide) >> 8 >= _LAST, 65535 << 8, value)
    return np.where(wide >= 0, value - (1 << 23) + 128, (1 << 23) - value + 127) >> 8


def cell_argument(cell: IntArray, cell_shift: int) -> Int32Array:
    """Return the table argument of tanh(c) for an LSTM cell state in steps of 2**(cell_shift-15).

    Below cell_shift 3 this is TFLite's own input conversion of a power-of-two
    scale. At 3 and 4 LiteRT's optimised TANH leaves the table for another
    polynomial, so the cell is first multiplied by 3/4 (an int16 product), which
    brings it to the pre-activation scale.

    >>> cell_argument(np.array([8192, 4096]), 2), cell_argument(np.array([4096]), 3)
    (array([12288,  6144], dtype=int32), array([12288], dtype=int32))
    """
    wide = cell.astype(np.int32)
    if cell_shift < 3:
        return (3 * wide + (1 << (2 - cell_shift))) >> (3 - cell_shift)
    return multiply_q15(wide, np.int32(24576) * np.ones_like(wide)) << (cell_shift - 1)
