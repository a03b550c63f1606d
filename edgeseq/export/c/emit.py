"""Printing constant data as C. Integers only; floats go through `float_literal`."""

from __future__ import annotations

import keyword
import re
import textwrap
from typing import Any

import numpy as np
import numpy.typing as npt

_CTYPE = {"int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t", "int32": "int32_t"}
_C_WORDS = frozenset(
    [
        "auto",
        "break",
        "case",
        "char",
        "const",
        "continue",
        "default",
        "do",
        "double",
        "else",
        "enum",
        "extern",
        "float",
        "for",
        "goto",
        "if",
        "inline",
        "int",
        "long",
        "register",
        "restrict",
        "return",
        "short",
        "signed",
        "sizeof",
        "static",
        "struct",
        "switch",
        "typedef",
        "union",
        "unsigned",
        "void",
        "volatile",
        "while",
        "class",
        "template",
        "new",
        "delete",
        "this",
        "private",
        "public",
        "protected",
        "virtual",
        "namespace",
        "using",
        "operator",
        "bool",
        "true",
        "false",
    ]
)


def identifier(text: str) -> str:
    """Return a lower-case name that is valid in C, C++ and file systems.

    >>> identifier("My GRU-2"), identifier("2nd"), identifier("int")
    ('my_gru_2', 'm_2nd', 'm_int')
    """
    name = re.sub(r"[^0-9a-zA-Z]+", "_", text).strip("_").lower() or "model"
    if name[0].isdigit() or name in _C_WORDS or keyword.iskeyword(name) or name.startswith("es_"):
        name = f"m_{name}"
    return name[:48]


def array(name: str, values: npt.NDArray[Any]) -> str:
    """Return a static const array definition, in flash where that is another address space."""
    flat = values.ravel()
    text = textwrap.fill(", ".join(_integer(int(v), flat.dtype) for v in flat), width=116)
    return f"static const ES_FLASH {_CTYPE[flat.dtype.name]} {name}[{flat.size}] = {{\n{textwrap.indent(text, '    ')}\n}};\n"


def _integer(value: int, dtype: np.dtype[Any]) -> str:
    # -2147483648 is not an int literal in C.
    return "INT32_MIN" if dtype == np.int32 and value == -(2**31) else str(value)


def float_literal(value: float) -> str:
    """Return a float literal that reads back as the same float32.

    >>> float_literal(0.1), float_literal(2.0**-15), float_literal(3.0)
    ('0.1f', '3.0517578e-05f', '3.0f')
    """
    single = np.float32(value)
    if single == 0:
        return "0.0f"
    plain = 1e-4 <= abs(single) < 1e7
    text = (np.format_float_positional if plain else np.format_float_scientific)(single, unique=True)
    if text.endswith("."):
        text += "0"
    return text + "f"


def float_array(name: str, values: npt.NDArray[np.float32]) -> str:
    """Return a static const float array definition."""
    text = textwrap.fill(", ".join(float_literal(float(v)) for v in values), width=116)
    return f"static const float {name}[{values.size}] = {{\n{textwrap.indent(text, '    ')}\n}};\n"
