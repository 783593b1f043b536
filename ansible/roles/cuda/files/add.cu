// A small kernel in half precision. Compiled to a cubin, it needs the device part of the compiler, and no linker.
#include <cuda_fp16.h>

__global__ void add(const __half *left, const __half *right, __half *sum, int count)
{
    int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index < count) {
        sum[index] = __hadd(left[index], right[index]);
    }
}
