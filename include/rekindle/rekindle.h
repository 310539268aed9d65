/* Rekindle's C interface: build an engine from an ONNX model, load it, run it.
 *
 * Two libraries have it: librekindle everything, librekindle_runtime all but the functions that build.
 *
 * Errors. Functions that can fail return a rekindle_status*: NULL is success; anything else says what went
 * wrong and is freed with rekindle_status_free(). Results are given through the last parameters and are
 * untouched on failure. Ownership. What a function hands out through a pointer to a pointer belongs to the
 * caller, who frees it with the _free function of its type (which accept NULL). const char* results belong to
 * the object they were asked from. Options. Every struct begins with its size, so that it can grow.
 * Initialise it with its _init function, which sets the size and the defaults; NULL in place of options means
 * the defaults. Threads. An engine may be used by many threads at a time, a context by one; other objects by
 * one. Text is UTF-8. Sizes are in bytes, shapes in elements.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef REKINDLE_REKINDLE_H
#define REKINDLE_REKINDLE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define REKINDLE_API __attribute__((visibility("default")))
#else
#define REKINDLE_API
#endif

/* ---- DLPack 1.0: how tensors are handed over. Include dlpack/dlpack.h before this header to use its
 * definitions. */
#ifndef DLPACK_DLPACK_H_
#define DLPACK_DLPACK_H_
typedef enum { kDLCPU = 1, kDLCUDA = 2, kDLCUDAHost = 3 } DLDeviceType;
typedef struct {
  DLDeviceType device_type;
  int32_t device_id;
} DLDevice;
typedef enum {
  kDLInt = 0,
  kDLUInt = 1,
  kDLFloat = 2,
  kDLOpaqueHandle = 3,
  kDLBfloat = 4,
  kDLComplex = 5,
  kDLBool = 6
} DLDataTypeCode;
typedef struct {
  uint8_t code; /* a DLDataTypeCode */
  uint8_t bits;
  uint16_t lanes;
} DLDataType;
typedef struct {
  void* data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t* shape;
  int64_t* strides; /* in elements; NULL: row-major without gaps */
  uint64_t byte_offset;
} DLTensor;
typedef struct DLManagedTensor {
  DLTensor dl_tensor;
  void* manager_ctx;
  void (*deleter)(struct DLManagedTensor* self);
} DLManagedTensor;
#endif

/* ---- status */
typedef struct rekindle_status rekindle_status;

typedef enum rekindle_code {
  REKINDLE_OK = 0,
  REKINDLE_INVALID_ARGUMENT = 1, /* the input or the request is wrong */
  REKINDLE_UNSUPPORTED = 2,      /* understood, but not something this build or machine can do */
  REKINDLE_NOT_FOUND = 3,        /* a file, name or option value that does not exist */
  REKINDLE_DATA_LOSS = 4,        /* a file is damaged */
  REKINDLE_OUT_OF_MEMORY = 5,
  REKINDLE_DEVICE = 6,  /* a device or the operating system failed */
  REKINDLE_INTERNAL = 7 /* a bug in Rekindle */
} rekindle_code;

/* REKINDLE_OK for NULL. */
REKINDLE_API rekindle_code rekindle_status_code(const rekindle_status* status);
/* What is wrong with what, then what was expected: one line. "" for NULL. */
REKINDLE_API const char* rekindle_status_message(const rekindle_status* status);
/* The message, then one indented line for each thing that was being done. "ok" for NULL. */
REKINDLE_API const char* rekindle_status_text(const rekindle_status* status);
/* The same with places in Rekindle's source, for bug reports. */
REKINDLE_API const char* rekindle_status_details(const rekindle_status* status);
REKINDLE_API void rekindle_status_free(rekindle_status* status);
/* The name of a rekindle_code: "invalid argument" and so on. */
REKINDLE_API const char* rekindle_code_name(int32_t code);

/* ---- the library and the machine */
/* "0.1.0". */
REKINDLE_API const char* rekindle_version(void);
/* The instruction set that CPU kernels can use here: "baseline", "avx2", "avx512". */
REKINDLE_API const char* rekindle_machine_isa(void);
/* Cores that this process may use (affinity and cgroup limits count); what 0 threads means below. */
REKINDLE_API int rekindle_machine_cores(void);

typedef enum rekindle_log_level {
  REKINDLE_LOG_DEBUG = 0,
  REKINDLE_LOG_INFO = 1,
  REKINDLE_LOG_WARNING = 2,
  REKINDLE_LOG_ERROR = 3
} rekindle_log_level;
/* Called from any thread, one call at a time; must not call Rekindle. */
typedef void (*rekindle_log_sink)(void* user, int32_t level, const char* category, const char* text);
/* The library prints nothing itself. NULL switches logging off, which is how it begins. */
REKINDLE_API void rekindle_set_log_sink(rekindle_log_sink sink, void* user, int32_t least);

/* ---- blobs: an engine's bytes, or a text */
typedef struct rekindle_blob rekindle_blob;
REKINDLE_API const void* rekindle_blob_data(const rekindle_blob* blob); /* a 0 byte follows */
REKINDLE_API size_t rekindle_blob_size(const rekindle_blob* blob);
/* Writes a new file and renames it, so that nobody ever sees half of it. */
REKINDLE_API rekindle_status* rekindle_blob_save(const rekindle_blob* blob, const char* path);
REKINDLE_API void rekindle_blob_free(rekindle_blob* blob);

/* ---- element types */
typedef enum rekindle_dtype {
  REKINDLE_F32,
  REKINDLE_F16,
  REKINDLE_BF16,
  REKINDLE_F64,
  REKINDLE_I64,
  REKINDLE_I32,
  REKINDLE_I16,
  REKINDLE_I8,
  REKINDLE_U64,
  REKINDLE_U32,
  REKINDLE_U16,
  REKINDLE_U8,
  REKINDLE_BOOLEAN,
  REKINDLE_STRING,
  REKINDLE_C64,
  REKINDLE_C128,
  REKINDLE_F8E4M3FN,
  REKINDLE_F8E4M3FNUZ,
  REKINDLE_F8E5M2,
  REKINDLE_F8E5M2FNUZ,
  REKINDLE_F8E8M0,
  REKINDLE_U4,
  REKINDLE_I4,
  REKINDLE_F4E2M1,
  REKINDLE_U2,
  REKINDLE_I2
} rekindle_dtype;
/* "f32"; "?" for a number that is no type. */
REKINDLE_API const char* rekindle_dtype_name(int32_t dtype);
/* Bits an element takes; 4- and 2-bit elements are packed, the first in the low bits; 0 for strings. */
REKINDLE_API int rekindle_dtype_bits(int32_t dtype);

/* ---- building (librekindle only) */
typedef enum rekindle_precision {
  REKINDLE_PRECISION_FP32,
  REKINDLE_PRECISION_FP16,
  REKINDLE_PRECISION_BF16,
  REKINDLE_PRECISION_INT8,
  REKINDLE_PRECISION_BEST
} rekindle_precision;

/* The least, usual and largest shape of one input; equal dims are fixed. */
typedef struct rekindle_profile {
  size_t size;
  const char* input;
  int32_t rank;
  const int64_t *min, *opt, *max; /* `rank` each */
} rekindle_profile;

/* `done` of `total` parts of a phase; total 0: unknown. */
typedef void (*rekindle_progress)(void* user, const char* phase, int done, int total);

typedef struct rekindle_build_options {
  size_t size;
  const char* const* targets; /* "cpu", "cpu:avx2", …; none: "cpu", this machine's */
  size_t target_count;
  int32_t precision; /* a rekindle_precision; fp32 */
  int32_t effort;    /* 0 measures nothing, 5 everything; 1 */
  int32_t threads;   /* what tuning measures with; 0: every core */
  const rekindle_profile* profiles;
  size_t profile_count;
  const char* timing_cache;    /* a file, read and written; NULL: none */
  int64_t workspace_bytes;     /* the most that a kernel may use beside its arguments; 1 GiB */
  const char* const* disabled; /* passes and tactics by name; "passes" and "kernels" are all of them */
  size_t disabled_count;
  int32_t keep_ir;     /* 1: the engine can be lowered again on machines that none of its targets fits */
  int32_t allow_links; /* 1: external data may stand behind symbolic links */
  rekindle_progress progress;
  void* progress_user;
  const char* kernel_cache; /* a folder of compiled CUDA kernels, read and written; NULL: none */
} rekindle_build_options;
REKINDLE_API void rekindle_build_options_init(rekindle_build_options* options);

/* From an ONNX file, whose external data are looked for beside it; or from an engine that was built with
   keep_ir, for other targets: what to do when rekindle_engine_load() says that an engine needs more than this
   machine has. */
REKINDLE_API rekindle_status* rekindle_build_file(const char* model_path,
                                                  const rekindle_build_options* options,
                                                  rekindle_blob** engine);
/* From an ONNX model in memory; external data are looked for in `folder` (NULL: there are none). */
REKINDLE_API rekindle_status* rekindle_build_bytes(const void* model, size_t size, const char* folder,
                                                   const rekindle_build_options* options,
                                                   rekindle_blob** engine);

/* ---- engines: a loaded file, immutable, shared by threads */
typedef struct rekindle_engine rekindle_engine;

typedef struct rekindle_load_options {
  size_t size;
  int32_t variant;        /* which of the engine's variants; -1: the best one this machine can run */
  int32_t verify_weights; /* 1: the checksum of the weights too, which reads all of them */
} rekindle_load_options;
REKINDLE_API void rekindle_load_options_init(rekindle_load_options* options);

/* The file stays mapped. Fails when it is damaged or needs what this machine lacks. */
REKINDLE_API rekindle_status* rekindle_engine_load(const char* path, const rekindle_load_options* options,
                                                   rekindle_engine** engine);
/* The bytes are copied. */
REKINDLE_API rekindle_status* rekindle_engine_load_bytes(const void* bytes, size_t size,
                                                         const rekindle_load_options* options,
                                                         rekindle_engine** engine);
/* Contexts and outputs that are still alive keep what they need. */
REKINDLE_API void rekindle_engine_free(rekindle_engine* engine);

/* One input or output. Pointers are valid as long as the engine. */
typedef struct rekindle_binding {
  size_t size; /* set by the caller: sizeof(rekindle_binding) */
  const char* name;
  int32_t is_input;
  rekindle_dtype dtype;
  int32_t rank;
  const char* type;    /* "f32[N, 3, 224, 224]" */
  const int64_t* dims; /* `rank` of them, -1 where the size is not fixed */
  const int64_t *min, *opt,
      *max; /* what the profile allows and expects; max INT64_MAX: no limit; opt 0: not known */
} rekindle_binding;
REKINDLE_API size_t rekindle_engine_binding_count(const rekindle_engine* engine);
/* Inputs first, in the model's order. */
REKINDLE_API rekindle_status* rekindle_engine_binding(const rekindle_engine* engine, size_t index,
                                                      rekindle_binding* binding);
/* "cpu:avx512": the target of the variant that was loaded. */
REKINDLE_API const char* rekindle_engine_target(const rekindle_engine* engine);
REKINDLE_API const char* rekindle_engine_model_name(const rekindle_engine* engine);
/* Which Rekindle built it. */
REKINDLE_API const char* rekindle_engine_producer(const rekindle_engine* engine);
REKINDLE_API uint64_t rekindle_engine_content_hash(const rekindle_engine* engine);
/* The plan as text, one line a step. */
REKINDLE_API rekindle_status* rekindle_engine_describe(const rekindle_engine* engine, rekindle_blob** text);

/* ---- contexts: the shapes and memory of one thread of work */
typedef struct rekindle_context rekindle_context;

typedef struct rekindle_context_options {
  size_t size;
  int32_t threads;         /* 0: every core the process may use */
  int64_t most_iterations; /* of all loops of one run together; more is an error */
} rekindle_context_options;
REKINDLE_API void rekindle_context_options_init(rekindle_context_options* options);
REKINDLE_API rekindle_status* rekindle_context_create(const rekindle_engine* engine,
                                                      const rekindle_context_options* options,
                                                      rekindle_context** context);
REKINDLE_API void rekindle_context_free(rekindle_context* context);

/* Makes `tensor` an input, or the place an output is written to. Its memory is used in place and is the
 * caller's: it must stay until another tensor is bound under the name or the context is freed. Filling it
 * again needs no new bind. The struct and its shape are not kept. Errors name the input, what it got and what
 * it expected. For an engine that runs on a GPU the memory may be the GPU's (device_type kDLCUDA, device_id
 * 0, aligned to 16 bytes): then nothing is copied, and memory of different bindings must not overlap. */
REKINDLE_API rekindle_status* rekindle_context_bind(rekindle_context* context, const char* name,
                                                    const DLTensor* tensor);
/* The same, and the context takes the tensor over: it calls the deleter once the memory is no longer needed,
 * also when this fails. */
REKINDLE_API rekindle_status* rekindle_context_bind_managed(rekindle_context* context, const char* name,
                                                            DLManagedTensor* tensor);
/* An input of strings, which are copied. `lengths` may be NULL when each ends in a 0 byte. */
REKINDLE_API rekindle_status* rekindle_context_bind_strings(rekindle_context* context, const char* name,
                                                            int32_t rank, const int64_t* shape,
                                                            const char* const* strings,
                                                            const size_t* lengths);
/* The shape an output will have, once every input is bound. *rank is the room in `shape` before, the rank
 * after. Fails when only the run can tell. */
REKINDLE_API rekindle_status* rekindle_context_output_shape(rekindle_context* context, const char* name,
                                                            int32_t* rank, int64_t* shape);
/* Runs and waits. */
REKINDLE_API rekindle_status* rekindle_context_run(rekindle_context* context);
/* Enqueues a run on `stream`, a CUstream or cudaStream_t of the GPU that the engine runs on (NULL: its
 * default stream), and returns. Outputs are there once the stream has got that far; until then nothing that
 * is bound may change, and runs of this context on other streams must wait. An engine that has steps on the
 * host waits itself. Fails for engines that run on the host. */
REKINDLE_API rekindle_status* rekindle_context_enqueue(rekindle_context* context, void* stream);
/* The result of the last run: its content is valid until the next one, its memory until the tensor's deleter
 * is called (by the caller, once), even when context and engine are gone. Fails for outputs of strings and
 * for those that memory of a GPU is bound to. */
REKINDLE_API rekindle_status* rekindle_context_output(rekindle_context* context, const char* name,
                                                      DLManagedTensor** tensor);
/* Element `index` of an output of strings, in row-major order; valid until the next run. */
REKINDLE_API rekindle_status* rekindle_context_output_string(rekindle_context* context, const char* name,
                                                             int64_t index, const char** text,
                                                             size_t* length);
/* Bytes of the arena and workspaces for the current shapes. */
REKINDLE_API int64_t rekindle_context_arena_bytes(const rekindle_context* context);

typedef struct rekindle_step_time {
  size_t size;         /* set by the caller: sizeof(rekindle_step_time) */
  const char* label;   /* "conv + add + relu" */
  const char* kernel;  /* "cpu.conv"; "branch", "loop" or "copy" for steps that are none */
  const char* origin;  /* the ONNX nodes it came from */
  double microseconds; /* in the last profiled run */
} rekindle_step_time;
/* 1: the next runs time each step, which costs a clock reading a step. */
REKINDLE_API void rekindle_context_set_profiling(rekindle_context* context, int on);
REKINDLE_API size_t rekindle_context_step_count(const rekindle_context* context);
REKINDLE_API rekindle_status* rekindle_context_step_time(const rekindle_context* context, size_t step,
                                                         rekindle_step_time* time);

#ifdef __cplusplus
}
#endif
#endif
