"""What kernels rely on, layer type by layer type. The table is `edgeseq.quantize.validate.VALIDATORS`."""
