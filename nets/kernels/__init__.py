"""Tangent kernels: of finite networks, in blocks, and of infinitely wide ones."""

from nets.kernels.infinite import infinite_kernel
from nets.kernels.tangent import kernel_product, tangent_kernel

__all__ = ["infinite_kernel", "kernel_product", "tangent_kernel"]
