/* Loads an engine and runs it on made-up inputs: the whole of rekindle.h that a program needs to run engines.
 *
 *   run_engine_c FILE.engine
 *
 * It is linked with librekindle_runtime alone: no compiler comes with it.
 * SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "rekindle/rekindle.h"

/* Prints what went wrong and ends the program; does nothing for success. */
static void check(rekindle_status* status) {
  if (status == NULL) return;
  fprintf(stderr, "%s\n", rekindle_status_text(status));
  rekindle_status_free(status);
  exit(1);
}

/* Dims that are not fixed get their usual size. */
static int64_t usual_dim(const rekindle_binding* b, int axis) {
  if (b->dims[axis] >= 0) return b->dims[axis];
  return b->opt[axis] > 0 ? b->opt[axis] : b->min[axis] > 0 ? b->min[axis] : 1;
}

/* Binds an input of 32-bit floats: 0, 0.001, 0.002, … */
static float* bind_made_up_input(rekindle_context* context, const rekindle_binding* b) {
  if (b->dtype != REKINDLE_F32) {
    fprintf(stderr, "input %s is %s; this example makes up 32-bit floats only\n", b->name, b->type);
    exit(1);
  }
  int64_t shape[32], count = 1;
  for (int axis = 0; axis < b->rank; ++axis) count *= shape[axis] = usual_dim(b, axis);
  float* values = malloc((size_t)(count > 0 ? count : 1) * sizeof *values);
  if (values == NULL) exit(1);
  for (int64_t i = 0; i < count; ++i) values[i] = (float)(i % 1000) * 0.001F;

  DLTensor tensor = {0};
  tensor.data = values;
  tensor.device.device_type = kDLCPU;
  tensor.ndim = b->rank;
  tensor.dtype.code = kDLFloat;
  tensor.dtype.bits = 32;
  tensor.dtype.lanes = 1;
  tensor.shape = shape;
  check(rekindle_context_bind(context, b->name, &tensor));
  return values;
}

static void print_output(rekindle_context* context, const char* name) {
  DLManagedTensor* output = NULL;
  check(rekindle_context_output(context, name, &output));
  const DLTensor* tensor = &output->dl_tensor;
  int64_t count = 1;
  printf("%s [", name);
  for (int axis = 0; axis < tensor->ndim; ++axis) {
    printf(axis > 0 ? ", %" PRId64 : "%" PRId64, tensor->shape[axis]);
    count *= tensor->shape[axis];
  }
  printf("]");
  if (tensor->dtype.code == kDLFloat && tensor->dtype.bits == 32)
    for (int64_t i = 0; i < count && i < 8; ++i) printf(" %g", (double)((const float*)tensor->data)[i]);
  printf(count > 8 ? " ...\n" : "\n");
  output->deleter(output);
}

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: run_engine_c FILE.engine\n");
    return 2;
  }
  rekindle_engine* engine = NULL;
  rekindle_context* context = NULL;
  check(rekindle_engine_load(argv[1], NULL, &engine));
  check(rekindle_context_create(engine, NULL, &context));
  printf("%s for %s, rekindle %s\n", rekindle_engine_model_name(engine), rekindle_engine_target(engine),
         rekindle_version());

  const size_t count = rekindle_engine_binding_count(engine);
  float** inputs = calloc(count, sizeof *inputs);
  if (inputs == NULL) return 1;
  rekindle_binding binding = {0};
  binding.size = sizeof binding;
  for (size_t i = 0; i < count; ++i) {
    check(rekindle_engine_binding(engine, i, &binding));
    printf("%s %s: %s\n", binding.is_input ? "input" : "output", binding.name, binding.type);
    if (binding.is_input) inputs[i] = bind_made_up_input(context, &binding);
  }
  check(rekindle_context_run(context));
  for (size_t i = 0; i < count; ++i) {
    check(rekindle_engine_binding(engine, i, &binding));
    if (!binding.is_input) print_output(context, binding.name);
  }

  rekindle_context_free(context);
  rekindle_engine_free(engine);
  for (size_t i = 0; i < count; ++i) free(inputs[i]);
  free(inputs);
  return 0;
}
