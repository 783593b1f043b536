// The smallest kernel that needs the whole compiler: host part, device part, and half precision.
#include <cuda_fp16.h>

__global__ void add(const __half *left, const __half *right, __half *sum, int count)
{
    int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index < count) {
        sum[index] = __hadd(left[index], right[index]);
    }
}
