// Blocks of one cluster, which read each other's shared memory (sm_90).
// SPDX-License-Identifier: Apache-2.0
#if RK_SM >= 90 && !defined(RK_EMULATOR)  // clusters are not emulated
/// All threads of all blocks of the cluster; what was written before is seen after it.
RK_DEVICE void rk_cluster_barrier() {
  asm volatile(
      "barrier.cluster.arrive.release.aligned;\n"
      "barrier.cluster.wait.acquire.aligned;" ::
          : "memory");
}
/// The same place in the shared memory of another block of the cluster.
RK_DEVICE u32 rk_cluster_address(u32 shared, u32 block) {
  u32 there;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(shared), "r"(block));
  return there;
}
RK_DEVICE float4 rk_cluster_load(u32 address) {
  float4 v;
  asm volatile("ld.shared::cluster.v4.f32 {%0, %1, %2, %3}, [%4];"
               : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w)
               : "r"(address)
               : "memory");
  return v;
}
#endif
