// Copies from global to shared memory that need no registers on the way, where the hardware has them (sm_80
// on).
// SPDX-License-Identifier: Apache-2.0
#define RK_HAS_COPY_ASYNC (RK_SM >= 80)

#if RK_HAS_COPY_ASYNC
/// Bytes is 4 or 16; without `inside` zeros are written and nothing is read.
template <int Bytes> RK_DEVICE void rk_copy_async(void* shared, const void* global, bool inside) {
#ifdef RK_EMULATOR
  rk_emulator_start_copy(shared, global, Bytes, inside ? Bytes : 0);
#else
  const u32 to = (u32)__cvta_generic_to_shared(shared);
  const int size = inside ? Bytes : 0;
  if (Bytes == 16)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global), "r"(size)
                 : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(global), "r"(size) : "memory");
#endif
}
/// What was issued since the last call is one group.
RK_DEVICE void rk_copy_async_close() {
#ifdef RK_EMULATOR
  rk_emulator_end_group();
#else
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
/// All groups but the last `Open` ones have arrived (for this thread; others are told by a barrier).
template <int Open> RK_DEVICE void rk_copy_async_wait() {
#ifdef RK_EMULATOR
  rk_emulator_wait_groups(Open);
#else
  asm volatile("cp.async.wait_group %0;" ::"n"(Open) : "memory");
#endif
}
#endif
