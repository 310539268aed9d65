// What emulated kernels and the emulator know of each other: compiled into both.
// SPDX-License-Identifier: Apache-2.0
#pragma once

/// How a kernel touches memory. A peek may find what nobody wrote: kernels fetch fragments ahead that they do
/// not use, and as NaN these show where they are used.
enum RkEmulatorAccess { rk_emulator_read, rk_emulator_write, rk_emulator_atomic, rk_emulator_peek };

/// A kernel's shared object has one, which the emulator fills. Functions get `run`, the launch under way.
struct RkEmulatorTable {
  // The thread that runs now, and the launch.
  unsigned thread[3], block[3], threads[3], blocks[3];
  const char* stack;  // its stack's lowest byte; what lies in it is nobody else's business
  unsigned long stack_bytes;
  void* run;
  void (*access)(void* run, const void* at, unsigned bytes, int how);
  void (*barrier)(void* run, int line);
  /// Every lane of `mask` gives `bytes` bytes (at most 128) and gets those of all 32 lanes; returns the lanes
  /// that gave. What gives a name to the operation; all lanes must do the same one.
  unsigned (*exchange)(void* run, const char* what, unsigned mask, const void* mine, unsigned bytes,
                       void* all);
  /// Ends the launch with an error of this thread.
  void (*fail)(void* run, const char* what, const void* at, unsigned number);
  /// Copies that have been started, and are done at the latest by a wait.
  void (*start_copy)(void* run, void* to, const void* from, unsigned bytes, unsigned from_bytes);
  void (*end_group)(void* run);
  void (*wait_groups)(void* run, unsigned most_left);
};
